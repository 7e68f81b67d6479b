from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # CREATE INDEX CONCURRENTLY can't run inside a transaction.
    atomic = False

    dependencies = [
        ("hr_core", "0013_position_grading"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="employee",
            index=models.Index(fields=["last_name", "first_name"], name="employee_name_idx"),
        ),
        AddIndexConcurrently(
            model_name="employee",
            index=models.Index(fields=["status", "hired_on"], name="employee_status_idx"),
        ),
    ]
