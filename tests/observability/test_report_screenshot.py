"""The report in a browser: headless Chromium draws it in daylight and at night."""

import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from tenant_migrations.observability.report import html
from tests.observability.report_data import eventful_week

BROWSER = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(BROWSER is None, reason="needs Debian package chromium")
WIDTH, HEIGHT = 900, 800


def browse(page: Path, *options: str) -> str:
    """Run Chromium on a page, without any network, and give what it says."""
    finished = subprocess.run(
        [
            str(BROWSER),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--proxy-server=127.0.0.1:9",
            f"--user-data-dir={page.parent / 'profile'}",
            f"--window-size={WIDTH},{HEIGHT}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return finished.stdout


def colours(path: Path) -> dict[bytes, int]:
    """How often each colour occurs in a PNG of 8 bits a channel."""
    data = path.read_bytes()
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert (width, height, depth) == (WIDTH, HEIGHT, 8)
    size = {2: 3, 6: 4}[kind]
    packed, at = b"", 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += 12 + length
    raw = zlib.decompress(packed)
    found: dict[bytes, int] = {}
    before = bytearray(width * size)
    for row in range(height):
        start = row * (width * size + 1)
        line = bytearray(raw[start + 1 : start + 1 + width * size])
        _unfilter(raw[start], line, before, size)
        for x in range(0, len(line), size):
            colour = bytes(line[x : x + 3])
            found[colour] = found.get(colour, 0) + 1
        before = line
    return found


def _unfilter(kind: int, line: bytearray, above: bytearray, size: int) -> None:
    """Undo a row's filter (PNG specification, 9.2)."""
    for x in range(len(line)):
        left = line[x - size] if x >= size else 0
        corner = above[x - size] if x >= size else 0
        estimate = left + above[x] - corner
        nearest = min((left, above[x], corner), key=lambda value: abs(estimate - value))
        line[x] = (line[x] + (0, left, above[x], (left + above[x]) // 2, nearest)[kind]) % 256


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(html.render(eventful_week()), encoding="utf-8")
    return path


@needs_chromium
@pytest.mark.parametrize(
    ("scheme", "background", "bars"),
    [("1", b"\xf4\xf5\xf7", b"\x3b\x6f\xb6"), ("0", b"\x12\x16\x1c", b"\x6e\xa3\xe8")],
    ids=["light", "dark"],
)
def test_screenshot(page: Path, scheme: str, background: bytes, bars: bytes) -> None:
    picture = page.with_suffix(".png")
    browse(page, f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={picture}")
    found = colours(picture)
    assert found[background] > WIDTH * HEIGHT * 0.05
    assert found[bars] > 3_000, "the charts are drawn"
    assert len(found) > 50, "and so is the text"


@needs_chromium
def test_nothing_is_wider_than_the_page(page: Path) -> None:
    probe = (
        "<script>document.title = 'wide: ' + [0].map(function () {"
        "return document.documentElement.scrollWidth - innerWidth}).join()</script></body>"
    )
    page.write_text(page.read_text().replace("</body>", probe))
    for size in ("500,800", "900,800"):
        shown = browse(page, f"--window-size={size}", "--dump-dom")
        title = re.search(r"<title>(.*?)</title>", shown)
        assert title is not None
        assert title[1] == "wide: 0"


@needs_chromium
def test_it_prints(page: Path) -> None:
    printed = page.with_suffix(".pdf")
    browse(page, f"--print-to-pdf={printed}")
    assert printed.read_bytes().startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes()))
    assert 2 <= pages <= 6
