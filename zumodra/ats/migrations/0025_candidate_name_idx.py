from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # CREATE INDEX CONCURRENTLY can't run inside a transaction.
    atomic = False

    dependencies = [
        ("ats", "0024_candidate_details"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="candidate",
            index=models.Index(fields=["last_name", "first_name"], name="candidate_name_idx"),
        ),
    ]
