"""What the later code's migrations execute in a tenant, as Django renders it, for ``replay.py``.

Run as a program with ``benchmarks.later_settings``; writes JSON to the file given.
"""

import json
import sys
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db.migrations.executor import MigrationExecutor  # noqa: E402

from benchmarks.fleet import FIRST  # noqa: E402
from tenant_migrations.database import schema_in_use  # noqa: E402

RECORD = "INSERT INTO django_migrations (app, name, applied) VALUES ('{}', '{}', now())"


def collect() -> list[str]:
    """Statements of all pending migrations, each followed by that of its ledger row."""
    statements = []
    with schema_in_use(FIRST) as connection:
        executor: Any = MigrationExecutor(connection)
        state = executor._create_project_state(with_applied_migrations=True)
        for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
            with connection.schema_editor(collect_sql=True, atomic=True) as editor:
                state = migration.apply(state, editor, collect_sql=True)
            statements += [line for line in editor.collected_sql if not line.startswith("--")]
            statements.append(RECORD.format(migration.app_label, migration.name))
    return statements


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(collect()))
