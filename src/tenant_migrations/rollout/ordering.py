"""Order: who is first. Small tenants that are in use show early what a migration does to people,
and cost little where it goes wrong; within a wave the largest is begun first, so that it is not the
last to end.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tenant_migrations.database import reading
from tenant_migrations.rollout.planning import Group, Task
from tenant_migrations.vocabulary import Wave

FIRST_WAVE_PERCENT = 10
"""Share of the tenants, the smallest ones, that are done before the rest is begun."""

LEAST_FOR_WAVES = 50
"""A fleet of fewer tenants is one wave."""

CANDIDATES = 20
"""So many of the smallest tenants are looked at for use."""

# By what depends on a schema: the catalog has an index for that, and none on relations by schema.
USED = """
    SELECT n.nspname
      FROM pg_namespace n
      JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid
                      AND d.classid = 'pg_class'::regclass
 LEFT JOIN pg_index i ON i.indrelid = d.objid
     WHERE n.nspname = ANY(%s)
  GROUP BY n.nspname
    HAVING sum(pg_stat_get_numscans(d.objid) + coalesce(pg_stat_get_numscans(i.indexrelid), 0)) > 0
"""


@dataclass(frozen=True)
class Sizes:
    """Pages of each schema's tables, and who of the smallest has been read since the server's
    statistics began."""

    pages: Mapping[str, int]
    used: frozenset[str]

    @classmethod
    def read(cls, names: Iterable[str], pages: Mapping[str, int]) -> "Sizes":
        """Of these tenants, as far as their pages are known; one statement."""
        known = (name for name in names if name in pages)
        smallest = sorted(known, key=lambda name: (pages[name], name))[:CANDIDATES]
        with reading() as connection:
            used = frozenset(name for (name,) in connection.execute(USED, (smallest,)))
        return cls(pages, used)

    def of(self, task: Task) -> int:
        return self.pages.get(task.schema_name, 0)


def groups(tasks: Iterable[Task], sizes: Sizes) -> list[list[Task]]:
    """Tasks of which one shows how all are done: those first that concern most tenants, and in
    each the tenant first that is best tried first."""
    found: defaultdict[Group, list[Task]] = defaultdict(list)
    for task in tasks:
        found[task.group].append(task)
    for members in found.values():
        members.sort(key=lambda task: (task.schema_name not in sizes.used, sizes.of(task)))
    return sorted(
        (members for members in found.values() if len(members) > 1), key=len, reverse=True
    )


def waves(tasks: Sequence[Task], sizes: Sizes) -> dict[Wave, list[Task]]:
    """A small wave of small tenants, then the rest, each with the largest tenant first."""
    ordered = sorted(tasks, key=sizes.of)
    few = len(ordered) * FIRST_WAVE_PERCENT // 100 if len(ordered) >= LEAST_FOR_WAVES else 0
    parts = {Wave.SMALLEST: ordered[:few], Wave.REST: ordered[few:]}
    return {wave: sorted(part, key=sizes.of, reverse=True) for wave, part in parts.items() if part}
