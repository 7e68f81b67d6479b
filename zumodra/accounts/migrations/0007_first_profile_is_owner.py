from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def promote_first_profile(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Until now whoever signed up first ran the company; say so."""
    profiles = apps.get_model("accounts", "Profile").objects
    first = profiles.order_by("created_at", "pk").first()
    if first is not None and not profiles.filter(role="owner").exists():
        profiles.filter(pk=first.pk).update(role="owner")


def demote_owners(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("accounts", "Profile").objects.filter(role="owner").update(role="member")


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_profile_role"),
    ]

    operations = [
        migrations.RunPython(promote_first_profile, demote_owners),
    ]
