"""Preflight: whether a run can be made on this server as it is now, and how well. Reads only.

What no run survives is refused before anything is written, the fleet lock included. What only makes
it slower or likelier to fail is said as findings, and the run goes on.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.fleet import findings
from tenant_migrations.fleet.findings import Finding, plural
from tenant_migrations.fleet.server import Server, locks_to_set, read_server
from tenant_migrations.logs import event

BESIDE_JOBS = 3
"""Connections of a run that are no job's: its own, the fleet lock's, and one that reads."""

CATALOG_PAGES = 1_000
"""From which size on (8 MB) it matters that a catalog table's statistics are right."""
CATALOG_GROWTH = 2
"""How many times larger it may have grown before they no longer are."""

LEAST_FREE_BYTES = 256 * 2**20
COPIES_OF_LARGEST = 2
"""A rewritten table, and what is written about it to the log of the server."""

logger = logging.getLogger("tenant_migrations.rollout")


@dataclass(frozen=True)
class Preflight:
    """What a run has to reckon with."""

    jobs: int
    """How many jobs there are connections for: as many as asked for, or fewer."""
    findings: tuple[Finding, ...] = ()
    pages: Mapping[str, int] = field(default_factory=dict)
    """Of all tables of each schema, as of their last VACUUM or ANALYZE; empty where no tenants are
    asked about."""


def preflight(jobs: int, *, tenants: bool = True) -> Preflight:
    """Look at the server before a run that wants so many jobs; what is found is logged too.

    A run without tenants, on public alone, does not ask how large those are.
    Raises ``DatabaseUnavailable`` on a standby, on a read-only server, behind a pooler in
    transaction mode, and where there are no connections for even one job.
    """
    found = judge(read_server(schemas=tenants), jobs)
    for finding in found.findings:
        event(logger, logging.WARNING, "preflight", finding=finding.kind, what=finding.message)
    return found


def judge(server: Server, jobs: int) -> Preflight:
    """The same for facts that are known already."""
    if server.standby:
        raise DatabaseUnavailable(
            "the server is a standby, and nothing can be written there: connect to the primary"
        )
    if server.read_only:
        raise DatabaseUnavailable(
            "the server is read-only for this role in this database "
            "(default_transaction_read_only is on): connect to the primary, or as a role that may "
            "write"
        )
    granted = min(jobs, server.free_connections - BESIDE_JOBS)
    if granted < 1:
        raise DatabaseUnavailable(
            f"{plural(max(0, server.free_connections), 'connection')} to be had (max_connections "
            f"is {server.max_connections}), and a run needs at least {BESIDE_JOBS + 1}: "
            "close what idles in pg_stat_activity, or raise the limit"
        )
    return Preflight(granted, tuple(_findings(server, jobs, granted)), server.pages)


def _findings(server: Server, jobs: int, granted: int) -> Iterator[Finding]:
    if granted < jobs:
        yield findings.connections_few(server.free_connections, jobs, granted)
    needed = granted * server.locks_of_largest
    room = server.lock_room - server.locks_taken
    if needed > room:
        setting = locks_to_set(needed + server.locks_taken, server.transactions)
        yield findings.locks_few(max(0, room), needed, granted, server.largest_schema, setting)
    stale = [
        catalog.name
        for catalog in server.catalogs
        if catalog.pages >= CATALOG_PAGES
        and (not catalog.analysed or catalog.pages > CATALOG_GROWTH * catalog.pages_then)
    ]
    if stale:
        yield findings.catalog_statistics_stale(stale)
    if server.dumps:
        yield findings.dump_running([*server.dumps])
    disk = server.disk
    if disk and disk.free < max(LEAST_FREE_BYTES, COPIES_OF_LARGEST * disk.largest):
        yield findings.disk_nearly_full(disk.free, disk.largest_table, disk.largest)
