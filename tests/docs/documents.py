"""The documents that people read, and what tests take out of them."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*CHECKOUT.glob("*.md"), CHECKOUT / "scripts" / "README.md", *CHECKOUT.glob("docs/**/*.md")]
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name_of(document: Path) -> str:
    """Its path in the checkout."""
    return str(document.relative_to(CHECKOUT))


def blocks(document: Path, language: str) -> list[str]:
    """The code blocks of one language."""
    return [text for marked, text in FENCE.findall(document.read_text()) if marked == language]


def console_lines(document: Path) -> list[str]:
    """What the document says one can type."""
    return [
        line.removeprefix("$ ")
        for block in blocks(document, "console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


def prose(document: Path) -> str:
    """The text without its code blocks."""
    return FENCE.sub("", document.read_text())


def headings(document: Path) -> list[str]:
    """The text of the headings of all levels."""
    return re.findall(r"^#+ +(.*?)\s*$", prose(document), re.MULTILINE)


def sections(document: Path, level: int) -> dict[str, str]:
    """Heading to text, of the headings of one level."""
    parts = re.split(rf"^{'#' * level} +(.*?)\s*$", prose(document), flags=re.MULTILINE)
    texts = [re.split(r"^#", part, flags=re.MULTILINE)[0] for part in parts[2::2]]
    return dict(zip(parts[1::2], texts, strict=True))
