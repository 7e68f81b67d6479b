"""Markdown for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def heading(title: str, facts: Mapping[str, Any]) -> str:
    """The title and what the figures depend on."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    settings = ", ".join(f"{name} {value}" for name, value in facts["server_settings"].items())
    return (
        f"# {title}\n\n"
        f"{facts['date']}, commit {facts['commit']}. {facts['cores']} cores"
        f" ({facts['processor']}), {facts['memory_gib']} GiB, {facts['system']}."
        f"{_priority(facts['niceness'])}"
        f" PostgreSQL {facts['postgresql']} on the same machine ({settings})."
        f" Python {facts['python']}, {versions}."
    )


def _priority(niceness: int) -> str:
    return f" Everything measured, the server too, ran at niceness {niceness}." if niceness else ""


def fleet_line(fleet: Mapping[str, Any]) -> str:
    """A heading for one fleet."""
    return (
        f"## {fleet['tenants']:,} tenants\n\n{fleet['migrations']} recorded migrations and"
        f" {fleet['relations']} relations each, {fleet['megabytes']:,} MB on disk."
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    lines = [head, ("---", *("---:" for _ in head[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figure(value: float | None) -> str:
    """Two decimals, or nothing."""
    return "" if value is None else f"{value:.2f}"


def page(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
