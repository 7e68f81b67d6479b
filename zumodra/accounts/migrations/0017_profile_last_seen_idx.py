from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # CREATE INDEX CONCURRENTLY can't run inside a transaction.
    atomic = False

    dependencies = [
        ("accounts", "0016_team_hierarchy"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="profile",
            index=models.Index(fields=["last_seen_at"], name="profile_last_seen_idx"),
        ),
    ]
