"""The answer of the checks for people."""

from typing import IO

from rich.console import Console
from rich.text import Text

from tenant_migrations.cli.printable import printable
from tenant_migrations.health.report import CheckResult, HealthReport
from tenant_migrations.vocabulary import CheckStatus, HealthStatus

STYLES = {
    CheckStatus.HEALTHY: "green",
    CheckStatus.WARNING: "yellow",
    CheckStatus.UNHEALTHY: "red",
}
SUM_STYLES = {HealthStatus.HEALTHY: "bold green", HealthStatus.DEGRADED: "bold yellow"}
STATUS_WIDTH = max(map(len, CheckStatus))


class HealthText:
    """Writes to a stream, in colour only where it is a terminal."""

    def __init__(self, stream: IO[str], *, no_color: bool = False) -> None:
        self._console = Console(
            file=stream, markup=False, highlight=False, soft_wrap=True, no_color=no_color or None
        )

    def report(self, report: HealthReport, *, quiet: bool) -> None:
        """A line per check and one for all; with ``quiet`` only checks that are not healthy."""
        shown = [
            result
            for result in report.results
            if not quiet or result.answer.status is not CheckStatus.HEALTHY
        ]
        width = max((len(result.name) for result in shown), default=0)
        for result in shown:
            self._result(result, width)
        if not quiet:
            counts = ", ".join(f"{count} {status}" for status, count in report.by_status.items())
            text = f"{report.status}: {counts}; {report.duration_seconds:.1f} s"
            self._console.print(Text(text, style=SUM_STYLES.get(report.status, "bold red")))

    def _result(self, result: CheckResult, width: int) -> None:
        answer = result.answer
        line = Text(f"{answer.status:<{STATUS_WIDTH}}", style=STYLES[answer.status])
        line.append(f"  {result.name:<{width}}  {printable(answer.message)}", style="default")
        self._console.print(line)
        if answer.hint:
            indent = " " * (STATUS_WIDTH + width + 4)
            self._console.print(Text(indent + printable(answer.hint), style="dim"))
