from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def link_by_address(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """An employee whose work address is that of a member is that member."""
    profiles = apps.get_model("accounts", "Profile").objects.filter(employee=None)
    employees = apps.get_model("hr_core", "Employee").objects.filter(profile=None)
    by_address = {
        profile.user.email.lower(): profile for profile in profiles.select_related("user")
    }
    for employee in employees.exclude(work_email="").order_by("pk"):
        employee.profile = by_address.pop(employee.work_email.lower(), None)
        employee.save(update_fields=["profile"])


def unlink(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("hr_core", "Employee").objects.update(profile=None)


class Migration(migrations.Migration):
    dependencies = [
        ("hr_core", "0009_employee_profile"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(link_by_address, unlink),
    ]
