"""Cases: what the gate looked at, and what came of it, as text and as JUnit's XML."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tenant_migrations.cli.printable import printable


class Verdict(StrEnum):
    """What came of one case."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not looked at, or looked at by a person; the text says why."""


@dataclass(frozen=True)
class Case:
    """One thing that the gate looked at."""

    group: str
    name: str
    verdict: Verdict = Verdict.PASSED
    text: str = ""
    """What is wrong and what to do instead, or why it was skipped; lines."""
    seconds: float = 0.0


def as_lines(cases: Sequence[Case]) -> list[str]:
    """A line for each case, with its text indented below, and a summary."""
    lines = []
    for case in cases:
        lines.append(f"{case.verdict:<8} {case.group}: {printable(case.name)}")
        lines += [f"         {printable(line)}" for line in case.text.splitlines()]
    counts = ", ".join(
        f"{sum(case.verdict is verdict for case in cases)} {verdict}" for verdict in Verdict
    )
    return [*lines, counts]


def as_junit(cases: Sequence[Case]) -> str:
    """The format that the CI of every Git host reads."""
    suites = ET.Element("testsuites")
    for group in dict.fromkeys(case.group for case in cases):
        some = [case for case in cases if case.group == group]
        suite = ET.SubElement(
            suites,
            "testsuite",
            name=group,
            tests=str(len(some)),
            failures=str(sum(case.verdict is Verdict.FAILED for case in some)),
            skipped=str(sum(case.verdict is Verdict.SKIPPED for case in some)),
            time=f"{sum(case.seconds for case in some):.3f}",
        )
        for case in some:
            _add(suite, case)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _add(suite: ET.Element, case: Case) -> None:
    element = ET.SubElement(
        suite,
        "testcase",
        classname=f"migrations.{case.group}",
        name=printable(case.name),
        time=f"{case.seconds:.3f}",
    )
    if case.verdict is Verdict.PASSED:
        return
    tag = "failure" if case.verdict is Verdict.FAILED else "skipped"
    first, *_ = case.text.splitlines() or [""]
    child = ET.SubElement(element, tag, message=printable(first))
    child.text = "\n".join(map(printable, case.text.splitlines()))
