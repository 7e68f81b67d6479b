"""Verifying: the question that reads, with the reference schemas that it needs."""

from tenant_migrations.fleet.expectation import Reference
from tenant_migrations.fleet.findings import Finding, code_older
from tenant_migrations.fleet.graph import Code, label
from tenant_migrations.fleet.report import FleetReport
from tenant_migrations.fleet.survey import Progress, Question, survey, who_is_asked_about
from tenant_migrations.provisioning.reference import bring_forward


def verify(question: Question, code: Code, progress: Progress) -> FleetReport:
    """The three-way verdict over the fleet.

    Writes nothing to what it checks. It builds the reference schemas where they are not there yet
    and moves them along with the code; where this role may not, the report says so and gives the
    rest. Errors as ``survey``.
    """
    who_is_asked_about(question, code)
    references, found = bring_forward(code, progress) if question.structure else ({}, [])
    if finding := older_code(references, code):
        found.append(finding)
    return survey(code, references, question, fleet_findings=found, progress=progress)


def older_code(references: dict[str, Reference], code: Code) -> Finding | None:
    """A finding when a newer deploy has passed migrations that this code lacks."""
    lacking = {
        key
        for reference in references.values()
        for key in reference.passed - code.known
        if key[0] in code.loader.migrated_apps
    }
    return code_older([label(key) for key in sorted(lacking)]) if lacking else None
