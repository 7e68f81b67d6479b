"""The manifest beside a backup: what the archives hold, and how to tell that they still do.

It carries SHA-256 sums of every archive, a sum of itself, and a signature with the project's
``SECRET_KEY``. The sums tell damage; the signature tells a backup of this installation from one
that came from elsewhere, whose SQL would run with this project's rights.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from tenant_migrations.backup.damage import Damaged
from tenant_migrations.fleet.graph import MigrationKey

FORMAT = 1
SALT = "tenant_migrations.backup"

DATABASE, TENANTS, PER_TENANT = "database", "tenants", "per-tenant"
"""Kinds of backup: everything, some tenants in one archive, or an archive for each tenant."""


@dataclass(frozen=True)
class SchemaFacts:
    """One schema as the backup holds it."""

    kind: str
    """``public``, ``tenant``, a tenant type, or ``other`` for what belongs to no tenant."""
    ledger: str
    """Digest of its ledger, a key of ``Manifest.ledgers``; empty where it has none."""
    structure: str
    """Digest of its object map."""
    own_structure: str
    """The same without foreign keys to other schemas."""
    owner: str
    grants: list[list[Any]] | None
    """Grantee (empty: everybody), privilege, grantable; ``None``: PostgreSQL's default."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """Rows of each table, counted in the archive."""
    last_values: Mapping[str, int] = field(default_factory=dict)
    """Last value of each sequence that was used."""

    @property
    def total_rows(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True)
class Archive:
    """What one ``pg_dump`` wrote: a file, or a folder."""

    file: str
    size: int
    sha256: str
    """See ``archives.sha256_of``."""
    schemas: list[str]


@dataclass(frozen=True)
class Source:
    """The database that a backup was made of."""

    database: str
    system_identifier: str
    server_version: int
    encoding: str
    collate: str
    ctype: str
    provider: str
    locale: str


@dataclass(frozen=True)
class Manifest:
    """What one backup holds."""

    name: str
    kind: str
    made_at: str
    """The moment that it shows, ISO 8601."""
    duration_seconds: float
    code_revision: str
    client_version: str
    source: Source
    archives: list[Archive]
    schemas: Mapping[str, SchemaFacts]
    ledgers: Mapping[str, list[MigrationKey]]
    """Recorded migrations by digest."""
    roles: list[str]
    """Owners and grantees, which have to be there when it is restored."""
    extensions: Mapping[str, str]
    """Schema of each extension."""
    large_objects: int
    data_bytes: int
    """What the tables took on disk, without indexes."""
    unscoped: list[str] = field(default_factory=list)
    """What belongs to no schema, such as publications: in backups of the whole database only."""

    @property
    def made(self) -> datetime:
        return datetime.fromisoformat(self.made_at)

    @property
    def size(self) -> int:
        return sum(archive.size for archive in self.archives)

    @property
    def tenants(self) -> list[str]:
        return [name for name, facts in self.schemas.items() if facts.kind not in NO_TENANTS]

    def archive_of(self, schema: str) -> Archive | None:
        """The archive that holds a schema."""
        return next((one for one in self.archives if schema in one.schemas), None)

    def ledger_of(self, schema: str) -> frozenset[MigrationKey]:
        """What a schema's ledger recorded."""
        facts = self.schemas[schema]
        return frozenset((app, name) for app, name in self.ledgers.get(facts.ledger, []))


NO_TENANTS = ("public", "other")


def render(manifest: Manifest) -> tuple[str, str]:
    """The manifest as a file, and its digest."""
    content = asdict(manifest) | {"format": FORMAT}
    return _render(content)


def _render(content: Mapping[str, Any], signature: str = "") -> tuple[str, str]:
    text = _canonical(content)  # Of thousands of tenants it is long: it is written once.
    digest = hashlib.sha256(text.encode()).hexdigest()
    begin, end = f'{{"manifest":{text}', f'"signature":{_canonical(signature or _sign(digest))}}}'
    checksum = hashlib.sha256(f"{begin},{end}".encode()).hexdigest()
    return f'{begin},"sha256":"{checksum}",{end}\n', digest


def _canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _sign(digest: str, secret: str | bytes | None = None) -> str:
    return salted_hmac(SALT, digest, secret=secret, algorithm="sha256").hexdigest()


@dataclass(frozen=True)
class Signed:
    """A manifest that was read and is whole."""

    manifest: Manifest
    digest: str
    is_ours: bool
    """Signed with this installation's key."""


def read(path: Path) -> Signed:
    """Read a manifest. Raises ``Damaged`` where one byte is not as it was written."""
    try:
        text = path.read_text(encoding="ascii")
        document = json.loads(text)
        content, signature = document["manifest"], str(document["signature"])
        written, digest = _render(content, signature)
    except FileNotFoundError:
        raise Damaged(f"{path} is missing: without its checksums no backup is restored") from None
    except OSError as error:
        raise Damaged(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path} is damaged: it is not a manifest any more") from error
    if written != text:
        raise Damaged(f"{path} is damaged: its checksum does not fit its content")
    if content.get("format") != FORMAT:
        raise Damaged(f"{path} is of format {content.get('format')}: a newer release wrote it")
    return Signed(_load(content), digest, _is_ours(digest, signature))


def _is_ours(digest: str, signature: str) -> bool:
    secrets = [None, *settings.SECRET_KEY_FALLBACKS]
    return any(hmac.compare_digest(_sign(digest, secret), signature) for secret in secrets)


def _load(content: dict[str, Any]) -> Manifest:
    return Manifest(
        **{key: value for key, value in content.items() if key not in ("format", *NESTED)},
        source=Source(**content["source"]),
        archives=[Archive(**archive) for archive in content["archives"]],
        schemas={name: SchemaFacts(**facts) for name, facts in content["schemas"].items()},
    )


NESTED = ("source", "archives", "schemas")
