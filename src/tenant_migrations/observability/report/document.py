"""The report as a JSON document."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from tenant_migrations.observability.report import wording as words
from tenant_migrations.observability.report.data import Report
from tenant_migrations.redaction import redacted


def render(report: Report) -> str:
    """The report, with a line break at the end."""
    return json.dumps(report_document(report), indent=2) + "\n"


def report_document(report: Report) -> dict[str, Any]:
    """The fields of ``data.Report``, with what follows from them."""
    document: dict[str, Any] = _plain(asdict(report))
    document["status"] = "ok" if report.is_well else "issues"
    document["headline"] = words.headline(report)
    document["checks"]["coverage"] = report.checks.coverage
    document["checks_before"]["coverage"] = report.checks_before.coverage
    for shown, comparison in zip(document["comparisons"], report.comparisons, strict=True):
        shown["verdict"] = comparison.verdict or None
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return redacted(value) if isinstance(value, str) else value
