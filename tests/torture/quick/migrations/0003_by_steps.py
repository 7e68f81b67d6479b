from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("quick", "0002_rows")]
    operations = [
        AddIndexConcurrently("note", models.Index(fields=["length"], name="quick_length")),
        migrations.AddField("note", "kind", models.CharField(max_length=10, default="plain")),
        AddIndexConcurrently("note", models.Index(fields=["kind"], name="quick_kind")),
    ]
