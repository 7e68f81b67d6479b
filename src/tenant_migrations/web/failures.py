"""Errors of a request that a schema which is not at the code may have caused."""

import re
from dataclasses import dataclass

import psycopg
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import Error
from django.http import Http404

SQLSTATES = frozenset({"42P01", "42703", "3F000"})
"""A table, a column, a schema is not there."""

ANSWERED = (Http404, PermissionDenied, SuspiciousOperation)
"""What a view raised to be answered with 4xx, whatever it was that made it."""

QUOTED = re.compile(r'"([^"]+)"')
COLUMN = re.compile(r"(?<= )[^\s\"]+\.[^\s\"]+(?= )")


@dataclass(frozen=True)
class Failure:
    """What a request missed."""

    sqlstate: str
    object: str
    """The table or column as the server named it; empty where it was not told."""

    @property
    def name(self) -> str:
        """Its own name, without what it belongs to."""
        return self.object.rpartition(".")[2]


def failure_in(error: BaseException | None) -> Failure | None:
    """The failure that an exception stands for; ``None`` for all that has other reasons.

    Looks at the exception and at those that it was raised from, so that it makes no difference
    whether a view, a query evaluated late, a template or a framework passed it on.
    """
    if isinstance(error, ANSWERED):
        return None
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, psycopg.Error) and error.sqlstate in SQLSTATES:
            return Failure(error.sqlstate, _object(error))
        error = error.__cause__ or _met_while_handling(error)
    return None


def _met_while_handling(error: BaseException) -> BaseException | None:
    """A statement after one that failed says only that; the one before says why."""
    is_aborted = isinstance(error, (Error, psycopg.Error)) and not error.__suppress_context__
    return error.__context__ if is_aborted else None


def _object(error: psycopg.Error) -> str:
    message = error.diag.message_primary or ""
    quoted = QUOTED.search(message)
    bare = COLUMN.search(message)
    return (quoted[1] if quoted else bare[0] if bare else "")[:255]
