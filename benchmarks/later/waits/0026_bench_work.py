import time

from django.db import migrations


def wait(apps, schema_editor):
    """As for another service."""
    time.sleep(1)


class Migration(migrations.Migration):
    dependencies = [("finance", "0025_refund")]
    operations = [migrations.RunPython(wait, migrations.RunPython.noop)]
