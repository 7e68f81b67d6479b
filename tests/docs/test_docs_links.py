"""Every relative link leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, headings, name_of, prose

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchor(heading: str) -> str:
    """The anchor that a heading gets where Markdown is shown as on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_relative_links_resolve(document: Path) -> None:
    for link in LINK.findall(prose(document)):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, fragment = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} leads nowhere"
        if fragment:
            assert fragment in map(anchor, headings(target)), f"{link}: no such heading"


def test_every_page_is_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [next(path for path in DOCUMENTS if name_of(path) == "README.md")]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(prose(page)))
        waiting += [(page.parent / link).resolve() for link in links if "://" not in link and link]
    assert {name_of(page) for page in DOCUMENTS} <= {name_of(page) for page in reached}
