"""Charts as plain geometry: what the template draws as SVG. Pure.

All coordinates are strings, so that no locale puts a comma into them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320.0, 120.0
LEFT, TOP, BOTTOM = 4.0, 18.0, 98.0
"""Where the plot begins and ends; names stand below."""

LETTER = 5.0
"""About how wide a letter of a name is."""


@dataclass(frozen=True)
class Bar:
    """One piece of a column."""

    x: str
    y: str
    width: str
    height: str
    series: str
    """``main`` or ``bad``, the colour's name."""
    tip: str


@dataclass(frozen=True)
class Label:
    x: str
    y: str
    text: str


@dataclass(frozen=True)
class Chart:
    """One small column chart."""

    name: str
    summary: str
    """What it shows, for those who do not see it."""
    bars: tuple[Bar, ...] = ()
    labels: tuple[Label, ...] = ()
    """Names below, and the highest value above its column."""
    gaps: tuple[Label, ...] = ()
    """Where there was no data."""
    line: str = ""
    """Height of the line of what was expected."""
    line_name: str = ""


@dataclass(frozen=True)
class Column:
    """What one mark of a chart shows."""

    name: str
    main: float | None
    bad: float = 0.0

    @property
    def height(self) -> float:
        return (self.main or 0.0) + self.bad


def chart(
    name: str,
    columns: Sequence[Column],
    written: Callable[[float | None], str],
    *,
    expected: float | None = None,
) -> Chart:
    """Columns of ``main`` with ``bad`` on top, and a line at ``expected``."""
    known = [column for column in columns if column.main is not None]
    highest = max(known, key=lambda column: column.height, default=None)
    most = max((highest.height if highest else 0.0), expected or 0.0) or 1.0
    step = (WIDTH - 2 * LEFT) / max(1, len(columns))
    width = step * (0.6 if step > 20 else 0.75)
    all_named = max((len(column.name) for column in columns), default=0) * LETTER <= step
    bars: list[Bar] = []
    labels: list[Label] = []
    gaps: list[Label] = []
    for index, column in enumerate(columns):
        middle = LEFT + step * (index + 0.5)
        if column.main is None:
            gaps.append(Label(_at(middle), _at(BOTTOM - 4), "no data" if step > 30 else "·"))
        bars += _bars(column, middle - width / 2, width, most, written)
        if column is highest and column.height:
            top = BOTTOM - column.height / most * (BOTTOM - TOP) - 4
            labels.append(Label(_at(middle), _at(top), written(column.height)))
        if all_named or index in (0, len(columns) // 2, len(columns) - 1):
            labels.append(Label(_at(_inside(middle, column.name)), _at(HEIGHT - 6), column.name))
    return Chart(
        name,
        f"{name}: at most {written(highest.height if highest else None)}",
        tuple(bars),
        tuple(labels),
        tuple(gaps),
        _at(BOTTOM - expected / most * (BOTTOM - TOP)) if expected else "",
        f"{written(expected)} expected" if expected else "",
    )


def _bars(
    column: Column, x: float, width: float, most: float, written: Callable[[float | None], str]
) -> list[Bar]:
    found = []
    floor = BOTTOM
    for series, value in (("main", column.main or 0.0), ("bad", column.bad)):
        if not value:
            continue
        height = max(1.5, value / most * (BOTTOM - TOP))
        floor -= height
        failed = " failed" if series == "bad" else ""
        tip = f"{column.name}: {written(value)}{failed}"
        found.append(Bar(_at(x), _at(floor), _at(width), _at(height), series, tip))
    return found


def _inside(middle: float, name: str) -> float:
    """Where a name's middle is, so that the edge does not cut it."""
    half = len(name) * LETTER / 2
    return min(max(middle, half), WIDTH - half)


def _at(value: float) -> str:
    return f"{value:.1f}"


@dataclass(frozen=True)
class Segment:
    """A status in the bar of all tenants."""

    status: str
    count: str
    share: str
    x: str
    width: str


def status_bar(statuses: Sequence[tuple[str, int]], total: int) -> tuple[Segment, ...]:
    """Statuses side by side on a width of 1000; one that is there is never too thin to be seen."""
    if not total:
        return ()
    least = 8.0
    shown = [(status, count) for status, count in statuses if count]
    widths = [max(least, count / total * 1000) for _, count in shown]
    scale = 1000 / sum(widths)
    found, x = [], 0.0
    for (status, count), width in zip(shown, widths, strict=True):
        percent = f"{count / total * 100:.1f} %"
        found.append(Segment(status, f"{count:,}", percent, _at(x), _at(width * scale)))
        x += width * scale
    return tuple(found)
