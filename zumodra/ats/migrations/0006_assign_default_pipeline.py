from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def assign(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Jobs without a pipeline get the one of their applications, or else the first."""
    pipelines = apps.get_model("ats", "Pipeline").objects
    for job in apps.get_model("ats", "Job").objects.filter(pipeline=None):
        application = job.applications.select_related("stage").first()
        first = pipelines.order_by("pk").first() or pipelines.create(name="Standard")
        job.pipeline_id = application.stage.pipeline_id if application else first.pk
        job.save(update_fields=["pipeline"])


def unassign(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("ats", "Job").objects.update(pipeline=None)


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0005_job_status_and_pipeline"),
    ]

    operations = [
        migrations.RunPython(assign, unassign),
    ]
