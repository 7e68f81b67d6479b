"""The dry run: what a task would execute, as SQL, without executing it."""

from typing import Any

from django.db import DatabaseError
from django.db.migrations.executor import MigrationExecutor

from tenant_migrations.database import one_line, schema_in_use
from tenant_migrations.fleet.graph import label
from tenant_migrations.fleet.tenants import PUBLIC_KIND, TENANT_KIND
from tenant_migrations.rollout.planning import Task

NOT_RENDERED = "can't be rendered yet"


def statements_of(task: Task) -> list[str]:
    """The SQL of a task in its own schema, as Django renders it there.

    Rendered in ``public`` the tables of tenants would show as "(no-op)". Python operations stand as
    comments. A migration that looks at what an earlier pending one creates can't be rendered
    before that has run: a comment says so.
    """
    kind = None if task.kind in (PUBLIC_KIND, TENANT_KIND) else task.kind
    lines = [f"{statement};" for made in task.remedies for statement in made.statements]
    with schema_in_use(task.schema_name, kind=kind) as connection:
        executor: Any = MigrationExecutor(connection)
        state: Any = executor._create_project_state(with_applied_migrations=True)
        for key in task.pending:
            migration = executor.loader.graph.nodes[key]
            lines.append(f"-- {label(key)}")
            after = migration.mutate_state(state)
            try:
                with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
                    migration.apply(state, editor, collect_sql=True)
                lines += [line for line in editor.collected_sql if line != "--"]
            except (DatabaseError, ValueError) as error:
                lines.append(f"-- {NOT_RENDERED}: {one_line(error)}")
            state = after
    return lines
