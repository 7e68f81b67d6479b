from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

NAME = "Standard"
STAGES = ["Applied", "Screening", "Interview", "Offer", "Hired", "Rejected"]


def add_pipeline(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    pipeline, made = apps.get_model("ats", "Pipeline").objects.get_or_create(name=NAME)
    if made:
        stage_model = apps.get_model("ats", "PipelineStage")
        stage_model.objects.bulk_create(
            stage_model(pipeline=pipeline, name=name, order=order)
            for order, name in enumerate(STAGES, start=1)
        )


def remove_pipeline(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("ats", "Pipeline").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0002_pipeline"),
    ]

    operations = [
        migrations.RunPython(add_pipeline, remove_pipeline),
    ]
