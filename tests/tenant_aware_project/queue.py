"""The project's Celery app, with tasks of its own that run in the schema they were sent from."""

from pathlib import Path
from typing import Any

from django.db import connection
from tenant_schemas_celery.app import CeleryApp

app = CeleryApp("tenant_aware")
app.config_from_object("django.conf:settings", namespace="QUEUE")
app.autodiscover_tasks(["tenant_migrations.contrib"], related_name="celery")


@app.task(name="note")  # type: ignore[untyped-decorator]  # Celery is not typed.
def note(path: str) -> None:
    """Write down which schema Django and PostgreSQL believe to be in use."""
    connected: Any = connection
    with connected.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        line = f"{connected.schema_name} {cursor.fetchone()[0]}\n"
    with Path(path).open("a") as file:
        file.write(line)


@app.task(name="note_around")  # type: ignore[untyped-decorator]
def note_around(path: str) -> None:
    """The same before and after a task of ours that is called in this one."""
    from tenant_migrations.contrib.celery import command

    note(path)
    command("monitor", "--once", "--quiet")
    note(path)
