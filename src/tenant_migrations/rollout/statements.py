"""SQL as text, taken apart just far enough to see what a statement does to which table.

No parser: statements are split, and written in one way (comments gone, words in capitals, one
space between), so that patterns can be laid on them.
"""

import re
from collections.abc import Iterator

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
"""A name as ``normal`` writes it, with a schema or without."""


def split(script: str) -> list[str]:
    """The statements of a script in the normal form, without comments and empty ones."""
    statements: list[list[str]] = [[]]
    depth = 0
    for piece in _pieces(script):
        depth += (piece == "(") - (piece == ")")
        if piece == ";" and depth == 0:
            statements.append([])
        else:
            statements[-1].append(piece)
    return [" ".join(pieces) for pieces in statements if pieces]


def normal(statement: str) -> str:
    """One statement in the normal form."""
    return " ".join(_pieces(statement))


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
    for match in PIECE.finditer(script):
        kind, text = match.lastgroup, match.group()
        if kind == "literal":
            yield "''"  # What a literal says changes no lock.
        elif kind == "word":
            yield text.upper()
        elif kind != "comment":
            yield text
