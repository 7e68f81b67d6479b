"""The failure budget: when failures of tenants become a failure of the run. Pure.

A tenant's own rows may stand in a migration's way, and the others go on. A migration that fails
alike in several tenants is broken itself, and trying it on a thousand more only holds their locks.
"""

from collections import Counter
from dataclasses import dataclass, field

from tenant_migrations.exceptions import WrongUse
from tenant_migrations.rollout.failures import Consequence, Failure


@dataclass
class Budget:
    """Failures of one run so far."""

    allowed: int
    """How many tenants may fail."""
    alike: int
    """How many may fail with the same SQLSTATE in the same migration; 0: any number."""
    canaries: frozenset[str] = frozenset()
    """Tenants of which none may fail."""
    failures: int = 0
    _kinds: Counter[tuple[str, str]] = field(default_factory=Counter)

    def spend(self, schema_name: str, failure: Failure) -> str:
        """Count a failure; why the run must stop, empty where it may go on."""
        self.failures += 1
        kind = (failure.sqlstate or failure.message, failure.migration)
        self._kinds[kind] += 1
        if failure.consequence is Consequence.STOP:
            return f"{schema_name}: {failure.message}"
        if schema_name in self.canaries:
            return f"canary {schema_name} failed: {failure.message}"
        if self.failures > self.allowed:
            return f"{self.failures} tenants failed, more than --max-failures allows"
        if self.alike and self._kinds[kind] >= self.alike:
            where = f" in {failure.migration}" if failure.migration else ""
            return (
                f"{self._kinds[kind]} tenants failed alike{where}: {failure.message}; it is the "
                "migration, not the tenant (--max-failures=N goes on regardless)"
            )
        return ""


def allowed_failures(text: str, tenants: int) -> int:
    """How many tenants may fail: a number, a share such as ``2%``, or empty for all of them.

    Raises ``WrongUse`` for anything else.
    """
    if not text:
        return tenants
    digits = text.removesuffix("%")
    if not (digits.isascii() and digits.isdigit()):
        raise WrongUse(f"--max-failures={text} is neither a number nor a share such as 2%")
    if text.endswith("%"):
        return tenants * int(digits) // 100
    return int(digits)
