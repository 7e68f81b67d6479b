from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

DEFAULTS = {"annual": "Annual leave", "sick": "Sick leave", "parental": "Parental leave"}


def add_defaults(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    types = apps.get_model("hr_core", "TimeOffType").objects
    for code, name in DEFAULTS.items():
        types.get_or_create(code=code, defaults={"name": name})


def remove_unused_defaults(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    types = apps.get_model("hr_core", "TimeOffType").objects
    types.filter(code__in=DEFAULTS, requests=None).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("hr_core", "0005_timeofftype_timeoffrequest"),
    ]

    operations = [
        migrations.RunPython(add_defaults, remove_unused_defaults),
    ]
