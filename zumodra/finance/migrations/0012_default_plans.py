from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# Code, name, price of a month and of a year, seats.
DEFAULTS = [
    ("free", "Free", 0, 0, 3),
    ("starter", "Starter", 29, 290, 10),
    ("professional", "Professional", 99, 990, 50),
    ("enterprise", "Enterprise", 399, 3990, 500),
]


def add_defaults(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    plans = apps.get_model("finance", "Plan").objects
    for code, name, monthly, yearly, seats in DEFAULTS:
        plans.get_or_create(
            code=code,
            defaults={
                "name": name,
                "monthly_price": monthly,
                "yearly_price": yearly,
                "seats": seats,
            },
        )


def remove_unused_defaults(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    codes = [code for code, *_ in DEFAULTS]
    plans = apps.get_model("finance", "Plan").objects
    plans.filter(code__in=codes, subscriptions=None).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0011_plan_code_unique"),
    ]

    operations = [
        migrations.RunPython(add_defaults, remove_unused_defaults),
    ]
