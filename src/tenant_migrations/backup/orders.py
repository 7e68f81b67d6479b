"""What is to be backed up, and what that would take; nothing is written here."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tenant_migrations import conf
from tenant_migrations.backup import capacity, clients, facts, manifest
from tenant_migrations.backup.clients import Clients
from tenant_migrations.backup.dumping import CUSTOM, DIRECTORY
from tenant_migrations.backup.folder import Folder
from tenant_migrations.backup.manifest import Source
from tenant_migrations.database import public_schema, reading, schema_in_use
from tenant_migrations.exceptions import Refused
from tenant_migrations.fleet import tenants
from tenant_migrations.fleet.findings import named
from tenant_migrations.fleet.tenants import Tenant
from tenant_migrations.models import Rollout


@dataclass(frozen=True)
class Order:
    """What is to be backed up, and where to."""

    folder: Folder
    names: Sequence[str] = ()
    """Tenants; empty: the whole database."""
    per_tenant: bool = False
    format: str = CUSTOM
    """Of the one archive of all: ``custom``, or ``directory``, which is dumped over ``jobs``
    connections."""
    jobs: int = field(default_factory=lambda: conf.get().JOBS)
    rollout: Rollout | None = None

    @property
    def kind(self) -> str:
        if self.per_tenant:
            return manifest.PER_TENANT
        return manifest.TENANTS if self.names else manifest.DATABASE


@dataclass(frozen=True)
class Outlook:
    """What a backup would take, known before it is begun."""

    source: Source
    clients: Clients
    tenants: dict[str, Tenant]
    schemas: list[str]
    """All that it would hold."""
    extensions: dict[str, str]
    unscoped: list[str]
    large_objects: int
    data_bytes: int
    space: capacity.Space


def look_ahead(order: Order) -> Outlook:
    """Find out what it takes; writes nothing.

    Raises ``WrongUse`` for an unknown tenant, ``NoClient``, and ``Refused`` where there is no room
    for its locks.
    """
    everyone = {tenant.schema_name: tenant for tenant in tenants.read_tenants() or []}
    chosen = [tenant.schema_name for tenant in tenants.select(everyone.values(), order.names)]
    with reading() as connection:
        source = facts.read_source(connection)
        found = clients.find(source.server_version)
        schemas = facts.read_schemas(connection)
        wanted = chosen if order.names else [*schemas]
        if absent := [name for name in wanted if name not in schemas]:
            raise Refused(f"{named(absent)} has no schema that could be backed up")
        if not order.per_tenant:
            several = order.format == DIRECTORY and order.jobs > 1
            capacity.refuse_too_many_locks(connection, set(wanted), times=2 if several else 1)
        data = facts.data_bytes(connection, [schemas[name].oid for name in wanted])
        with schema_in_use(public_schema()):
            space = capacity.space_for(order.folder.path, data, order.kind)
        return Outlook(
            source,
            found,
            everyone,
            wanted,
            facts.read_extensions(connection),
            facts.read_unscoped(connection),
            facts.count_large_objects(connection),
            data,
            space,
        )
