"""What ``pg_restore`` writes, taken apart into statements and rows.

``pg_restore`` without a database turns an archive into a script for ``psql``, which also obeys
backslash commands that whoever made the backup may have smuggled in. Here nothing does: statements
go to the server as they are, rows through COPY, and there is no third thing.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

CHUNK = 2**18

# Everything that can hide a semicolon, and words, so that a dollar sign in one opens no quote.
TOKEN = re.compile(
    rb"""--[^\n]*\n
       | /\*
       | [eE]'(?:[^'\\]|''|\\.)*'
       | '(?:[^']|'')*'
       | "(?:[^"]|"")*"
       | (?P<quote>\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$)
       | [A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*
       | (?P<end>;)
       | ^\\(?:un)?restrict\ [A-Za-z0-9]+\n
       | (?P<open>['"]|--|(?:^\\[^\n]*|[/$-])\Z)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
LEADING = re.compile(rb"(?:\s+|--[^\n]*\n|^\\(?:un)?restrict [A-Za-z0-9]+\n)+", re.MULTILINE)
COPY = re.compile(rb"COPY (?P<relation>.+?) (?:\(.*\) )?FROM stdin;\Z", re.DOTALL)
TIMEOUT = re.compile(
    rb"SET (?:statement|lock|transaction|idle_in_transaction_session)_timeout = 0;\Z"
)
NAME = re.compile(rb'"((?:[^"]|"")*)"|([^".\s]+)')
END_OF_ROWS = b"\\.\n"


class BrokenScript(Exception):
    """The script ends in the middle of a statement or of rows."""


@dataclass(frozen=True)
class Rows:
    """Rows of one table; ``chunks`` has to be read to its end before what comes next."""

    statement: bytes
    """``COPY … FROM stdin``."""
    schema: str
    table: str
    chunks: Iterator[bytes]


@dataclass(frozen=True)
class Statements:
    """Statements, one after the other."""

    text: bytes


def read_script(
    stream: IO[bytes], is_kept: Callable[[bytes], bool] = lambda statement: True
) -> Iterator[Statements | Rows]:
    """The parts of a script in their order.

    ``is_kept`` is asked of each statement. Timeouts that the script would set are left out, and so
    is what is meant for ``psql``. Raises ``BrokenScript``.
    """
    return _Reader(stream, is_kept).parts()


class _Reader:
    """The script as far as it was read, and where in it we are."""

    def __init__(self, stream: IO[bytes], is_kept: Callable[[bytes], bool]) -> None:
        self._stream = stream
        self._is_kept = is_kept
        self._buffer = b""
        self._at = 0
        self._is_read = False

    def parts(self) -> Iterator[Statements | Rows]:
        kept: list[bytes] = []
        for statement in self._statements():
            match = COPY.match(statement)
            if match is None:
                if not TIMEOUT.match(statement) and self._is_kept(statement):
                    kept.append(statement)
                continue
            if kept:
                yield Statements(b"\n".join(kept))
                kept = []
            self._skip_line_end()
            schema, table = names_of(match["relation"])
            chunks = self._rows()
            yield Rows(statement[:-1], schema, table, chunks)
            for _ in chunks:  # What a consumer left unread.
                pass
        if kept:
            yield Statements(b"\n".join(kept))

    def _statements(self) -> Iterator[bytes]:
        while True:
            self._skip_what_says_nothing()
            if self._at == len(self._buffer):
                return
            end = self._end_of_statement()
            statement = self._buffer[self._at : end]
            self._at = end
            yield statement

    def _skip_what_says_nothing(self) -> None:
        if self._at > CHUNK:
            self._forget()
        while True:
            match = LEADING.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            rest = self._buffer[self._at : self._at + 1]
            # A comment or a line for psql may go on in what was not read yet.
            if rest and (rest not in b"-\\" or self._find(b"\n") >= 0):
                return
            if not self._more():
                return

    def _end_of_statement(self) -> int:
        """Position after the semicolon that ends the statement at hand."""
        position = self._at
        while True:
            match = TOKEN.search(self._buffer, position)
            if match is None or match["open"]:
                if not self._more():
                    raise BrokenScript("it ends in the middle of a statement")
            elif match["end"]:
                return match.end()
            elif match["quote"]:
                position = self._past(match["quote"], match.end())
            elif match[0] == b"/*":
                position = self._past(b"*/", match.end())
            elif match.end() == len(self._buffer) and self._more():
                continue  # A word or a quote may go on, or be part of something longer.
            else:
                position = match.end()

    def _past(self, what: bytes, position: int) -> int:
        while (found := self._buffer.find(what, position)) < 0:
            if not self._more():
                raise BrokenScript("it ends in the middle of a quote")
        return found + len(what)

    def _skip_line_end(self) -> None:
        while self._at == len(self._buffer) and self._more():
            pass
        self._at += self._buffer.startswith(b"\n", self._at)

    def _rows(self) -> Iterator[bytes]:
        """Whole lines, without the one that ends them."""
        while True:
            while len(self._buffer) - self._at < len(END_OF_ROWS) and self._more():
                pass
            if self._buffer.startswith(END_OF_ROWS, self._at):
                self._at += len(END_OF_ROWS)
                return
            found = self._find(b"\n" + END_OF_ROWS)
            end = found + 1 if found >= 0 else self._buffer.rfind(b"\n", self._at) + 1
            if end > self._at:
                chunk = self._buffer[self._at : end]
                self._at = end
                yield chunk
                continue
            self._forget()
            if not self._more():
                raise BrokenScript("it ends in the middle of rows")

    def _find(self, what: bytes) -> int:
        return self._buffer.find(what, self._at)

    def _forget(self) -> None:
        """Drop what was read and used."""
        self._buffer = self._buffer[self._at :]
        self._at = 0

    def _more(self) -> bool:
        """Read on; positions stay what they are."""
        chunk = b"" if self._is_read else self._stream.read(CHUNK)
        self._is_read = not chunk
        self._buffer += chunk
        return bool(chunk)


def names_of(qualified: bytes) -> tuple[str, str]:
    """Schema and name of ``schema."The name"``."""
    schema, name = (
        (quoted.replace(b'""', b'"') or bare).decode() for quoted, bare in NAME.findall(qualified)
    )
    return schema, name
