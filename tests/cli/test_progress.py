"""Progress: a live line for each part of the work on a terminal, a plain one in a log."""

import io
import re
from contextlib import redirect_stderr

import pytest

from tenant_migrations.cli.progress import ProgressReporter

COLOUR = re.compile(r"\x1b\[(?:\d+;)*3\d(?:;\d+)*m")
CODE = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")


class Clock:
    """Seconds that pass when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of 100 columns."""
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "100")):
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return Terminal()


def run(report: ProgressReporter, clock: Clock, what: str, total: int, each: float) -> None:
    """A part of the work of which each piece takes so many seconds."""
    for done in range(total + 1):
        report(what, done, total)
        clock.now += each


def test_a_line_every_few_seconds_with_rate_and_time_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with ProgressReporter(clock=clock) as report:
        run(report, clock, "healing wave 1 of 2", 12, 1.0)
        run(report, clock, "healing wave 2 of 2", 320, 1 / 32)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "healing wave 1 of 2: 5 of 12, 1/s, 7.0 s left",
        "healing wave 1 of 2: 10 of 12, 1/s, 2.0 s left",
        "healing wave 1 of 2: 12 of 12 in 12 s",
        "healing wave 2 of 2: 160 of 320, 32/s, 5.0 s left",
        "healing wave 2 of 2: 320 of 320 in 10 s",
    ]


def test_what_is_quickly_done_is_not_worth_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with ProgressReporter(clock=clock) as report:
        for _ in range(3):
            run(report, clock, "reading ledgers", 10, 0.4)
    assert capsys.readouterr().err == ""


def test_no_rate_before_anything_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with ProgressReporter(clock=clock) as report:
        for _ in range(2):
            report("waiting\x1b[0m", 0, 1)
            clock.now += 6
        report("waiting\x1b[0m", 0, 1)
    assert capsys.readouterr().err.splitlines() == ["waiting\\x1b[0m: 0 of 1"] * 2


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with ProgressReporter(wanted=False, clock=clock) as report:
        run(report, clock, "healing", 3, 10)
    assert capsys.readouterr().err == ""


def test_a_live_line_for_each_part_on_a_terminal(terminal: Terminal) -> None:
    with redirect_stderr(terminal), ProgressReporter() as report:
        report("healing wave 1 of 2", 0, 3)
        report("healing wave 1 of 2", 3, 3)
        report("healing wave 2 of 2", 1, 4)
    screen = CODE.sub("", terminal.getvalue())
    assert re.search(r"healing wave 1 of 2 ━+ 3/3 in 0\.\d s", screen)
    assert re.search(r"healing wave 2 of 2 ━*[╸╺]━+ 1/4", screen)
    assert COLOUR.search(terminal.getvalue())


@pytest.mark.parametrize("way", ["NO_COLOR", "--no-color"])
def test_without_colours(way: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    with redirect_stderr(terminal), ProgressReporter(no_color=way == "--no-color") as report:
        report("healing", 1, 4)
    assert "healing" in terminal.getvalue()
    assert not COLOUR.search(terminal.getvalue())


def test_a_terminal_that_can_not_move_gets_plain_lines(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    clock = Clock()
    with redirect_stderr(terminal), ProgressReporter(clock=clock) as report:
        run(report, clock, "healing", 2, 6)
    assert terminal.getvalue().splitlines() == [
        "healing: 1 of 2, 0.167/s, 6.0 s left",
        "healing: 2 of 2 in 12 s",
    ]
