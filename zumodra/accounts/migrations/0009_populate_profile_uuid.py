import uuid

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def give_uuids(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Every row got the same default when the column was added; give each its own."""
    profile_model = apps.get_model("accounts", "Profile")
    for profile in profile_model.objects.only("pk").iterator():
        profile_model.objects.filter(pk=profile.pk).update(uuid=uuid.uuid4())


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_profile_uuid"),
    ]

    operations = [
        migrations.RunPython(give_uuids, migrations.RunPython.noop),
    ]
