"""SQL as text, taken apart just far enough to see what a statement does to which table.

No parser: statements are split, and written in one *normal form* (comments gone, words in capitals,
one space between), so that patterns can be laid on them.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

PIECE = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<literal>[eE]?'(?:[^'\\]|''|\\.)*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<word>[^\W\d][\w$]*|%s)
      | (?P<number>\d[\d.]*)
      | (?P<other>::|\S)
    """,
    re.VERBOSE | re.DOTALL,
)

WORD = r'(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)'
NAME = rf"(?:{WORD} \. )?{WORD}"
"""A name in the normal form, with a schema or without."""


class Statement(NamedTuple):
    """One statement of a script."""

    normal: str
    written: str
    """As it stands in the script, on one line."""


def split(script: str) -> list[Statement]:
    """The statements of a script, without comments and empty ones."""
    found: list[Statement] = []
    pieces: list[re.Match[str]] = []
    depth = 0
    for piece in PIECE.finditer(f"{script}\n;"):
        text = piece.group()
        depth += (text == "(") - (text == ")")
        if text == ";" and (depth <= 0 or piece.end() > len(script)):
            if normal := " ".join(_written(pieces)):
                written = script[pieces[0].start() : pieces[-1].end()]
                found.append(Statement(normal, " ".join(written.split())))
            pieces, depth = [], 0
        elif piece.lastgroup != "comment":
            pieces.append(piece)
    return found


def items(listed: str) -> list[str]:
    """What a list in the normal form enumerates, parentheses kept whole."""
    found: list[list[str]] = [[]]
    depth = 0
    for piece in _pieces(listed):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth == 0:
            found.append([])
        else:
            found[-1].append(piece)
    return [" ".join(pieces) for pieces in found]


def bare(name: str) -> str:
    """A name without quotes and without its schema, as the catalog has it."""
    last = re.findall(WORD, name)[-1]
    if last.startswith('"'):
        return str(last[1:-1].replace('""', '"'))
    return str(last.lower())


def _pieces(script: str) -> Iterator[str]:
    return _written(PIECE.finditer(script))


def _written(pieces: Iterable["re.Match[str]"]) -> Iterator[str]:
    for piece in pieces:
        match piece.lastgroup:
            case "literal":
                yield "''"  # What a literal says changes no lock.
            case "word":
                yield piece.group().upper()
            case "comment":
                pass
            case _:
                yield piece.group()
