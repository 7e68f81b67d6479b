from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

KINDS = {"Hired": "hired", "Rejected": "rejected"}


def mark(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    stages = apps.get_model("ats", "PipelineStage").objects
    for name, kind in KINDS.items():
        stages.filter(name=name).update(kind=kind)
    pipelines = apps.get_model("ats", "Pipeline").objects
    first = pipelines.order_by("pk").first()
    if first is not None and not pipelines.filter(is_default=True).exists():
        pipelines.filter(pk=first.pk).update(is_default=True)


def unmark(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("ats", "PipelineStage").objects.update(kind="open")
    apps.get_model("ats", "Pipeline").objects.update(is_default=False)


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0020_stage_kind_and_position"),
    ]

    operations = [
        migrations.RunPython(mark, unmark),
    ]
