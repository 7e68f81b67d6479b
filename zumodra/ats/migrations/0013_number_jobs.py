from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def number(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Number jobs by age: JOB-0001 is the oldest."""
    jobs = apps.get_model("ats", "Job").objects
    taken = jobs.exclude(reference=None).count()
    for position, job in enumerate(jobs.filter(reference=None).order_by("created_at", "pk"), 1):
        job.reference = f"JOB-{taken + position:04d}"
        job.save(update_fields=["reference"])


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0012_job_reference"),
    ]

    operations = [
        migrations.RunPython(number, migrations.RunPython.noop),
    ]
