"""The dictionary: every closed set of words that code, output, records and documents share.

One word for one thing. *Ledger* is the content of a schema's ``django_migrations`` table,
*structure* what the PostgreSQL catalog says of a schema, *code* the migration graph on disk.
"""

from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """Exit codes of every command and script."""

    CLEAN = 0
    """Asked, and everything is well."""
    FINDINGS = 1
    """Asked, and something is not well."""
    WRONG_USE = 2
    """Unknown option, tenant or app, or a bad value. Nothing was written."""
    COULD_NOT_ASK = 3
    """No database, no permission, or a timeout."""
    BUSY = 75
    """Another run holds the lock; nothing was done."""


class TenantStatus(StrEnum):
    """What the verdict says of one schema. Where several apply, the first named here wins."""

    UNKNOWN = "unknown"
    """It could not be checked."""
    MISSING = "missing"
    """The tenant has a row but no schema."""
    QUARANTINED = "quarantined"
    """A step of it could not be proven done or undone; it is left alone until released."""
    INCONSISTENT = "inconsistent"
    """The ledger contradicts the graph, or the structure contradicts the ledger's gaps."""
    AHEAD = "ahead"
    """The ledger records migrations that are newer than the code."""
    DRIFTED = "drifted"
    """The structure is not what the ledger says it should be."""
    PENDING = "pending"
    """Migrations wait to be applied."""
    OK = "ok"


class Severity(StrEnum):
    """How much a finding matters: an error makes a tenant not ``ok``, the others do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class ObjectKind(StrEnum):
    """Kinds of database objects that a structure is made of."""

    TABLE = "table"
    COLUMN = "column"
    CONSTRAINT = "constraint"
    INDEX = "index"
    SEQUENCE = "sequence"
    VIEW = "view"
    TRIGGER = "trigger"
    FUNCTION = "function"
    TYPE = "type"


class FindingKind(StrEnum):
    """Stable ids of findings. ``docs/findings.md`` has a section for each."""

    PENDING = "TM001"
    AHEAD = "TM002"
    APPLIED_BEFORE_DEPENDENCY = "TM003"
    DUPLICATE_ROWS = "TM004"
    SQUASH_PARTLY_RECORDED = "TM005"
    LEFTOVER_ROWS = "TM006"
    PRESENT_BUT_UNRECORDED = "TM007"
    SQUASH_UNRECORDED = "TM008"

    SCHEMA_ABSENT = "TM010"
    LEDGER_ABSENT = "TM011"
    ORPHAN_SCHEMA = "TM012"
    NO_PRIMARY_DOMAIN = "TM013"
    TENANT_TYPE_UNKNOWN = "TM014"
    UNREADABLE = "TM015"
    QUARANTINED = "TM016"
    SCHEMA_EMPTY = "TM017"

    TABLE_MISSING = "TM101"
    COLUMN_MISSING = "TM102"
    CONSTRAINT_MISSING = "TM103"
    INDEX_MISSING = "TM104"
    SEQUENCE_MISSING = "TM105"
    VIEW_MISSING = "TM106"
    TRIGGER_MISSING = "TM107"
    FUNCTION_MISSING = "TM108"
    TYPE_MISSING = "TM109"

    TABLE_DIFFERS = "TM111"
    COLUMN_DIFFERS = "TM112"
    CONSTRAINT_DIFFERS = "TM113"
    INDEX_DIFFERS = "TM114"
    SEQUENCE_DIFFERS = "TM115"
    VIEW_DIFFERS = "TM116"
    TRIGGER_DIFFERS = "TM117"
    FUNCTION_DIFFERS = "TM118"
    TYPE_DIFFERS = "TM119"

    TABLE_EXTRA = "TM121"
    COLUMN_EXTRA = "TM122"
    CONSTRAINT_EXTRA = "TM123"
    INDEX_EXTRA = "TM124"
    SEQUENCE_EXTRA = "TM125"
    VIEW_EXTRA = "TM126"
    TRIGGER_EXTRA = "TM127"
    FUNCTION_EXTRA = "TM128"
    TYPE_EXTRA = "TM129"

    INDEX_INVALID = "TM131"
    MIGRATION_WITHOUT_EFFECT = "TM132"
    APP_WITHOUT_TABLES = "TM133"
    STRUCTURE_NOT_COMPARED = "TM140"

    CONTENT_TYPES_MISSING = "TM201"
    PERMISSIONS_MISSING = "TM202"
    CONTENT_TYPES_STALE = "TM203"

    REFERENCE_UNAVAILABLE = "TM301"
    CODE_OLDER = "TM302"

    CONNECTIONS_FEW = "TM311"
    LOCKS_FEW = "TM312"
    CATALOG_STATISTICS_STALE = "TM313"
    DUMP_RUNNING = "TM314"
    DISK_NEARLY_FULL = "TM315"


class RolloutState(StrEnum):
    """Where a rollout stands. ``running`` with an old heartbeat means that it crashed."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    """Ended before every tenant was attempted; ``error`` says why."""
    CRASHED = "crashed"
    """A later run found it running with nobody holding the fleet lock."""


class OutcomeState(StrEnum):
    """What a rollout did to one tenant."""

    NOT_ATTEMPTED = "not attempted"
    RUNNING = "running"
    FIXED = "fixed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Nothing that may be done unattended would help; the message says what would."""
    CRASHED = "crashed"
    """The run died while this tenant was in hand; its transaction was rolled back."""


class Wave(StrEnum):
    """Which schemas of a rollout are done together, in the order in which waves begin."""

    PUBLIC = "public"
    REFERENCE = "reference"
    """No schema of the fleet: the reference schemas pass what is new."""
    CANARIES = "canaries"
    FIRST = "first of each group"
    SMALLEST = "smallest tenth"
    REST = "rest"


class CheckStatus(StrEnum):
    """What one health check says."""

    HEALTHY = "healthy"
    WARNING = "warning"
    """It works, and somebody should look at it before it no longer does."""
    UNHEALTHY = "unhealthy"


class HealthStatus(StrEnum):
    """What all health checks say together: the gravest of them."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class AlertSubject(StrEnum):
    """What alerts are about. Each subject is told, remembered and over by itself."""

    FLEET = "fleet"
    HEALTH = "health"


class AlertSeverity(StrEnum):
    """How urgent an alert is, and so who is told; the words of Prometheus' alert rules."""

    CRITICAL = "critical"
    """Customers of a tenant may meet errors, or nobody knows how the fleet is."""
    WARNING = "warning"
    """Something is not as it should be, and nobody is kept from work by it."""
    INFO = "info"
