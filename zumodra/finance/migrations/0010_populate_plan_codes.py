from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.utils.text import slugify


def give_codes(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    plans = apps.get_model("finance", "Plan").objects
    taken = set(plans.exclude(code=None).values_list("code", flat=True))
    for plan in plans.filter(code=None).order_by("pk"):
        code = slugify(plan.name)[:30] or "plan"
        plan.code = code if code not in taken else f"{code}-{plan.pk}"
        taken.add(plan.code)
        plan.save(update_fields=["code"])


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0009_plan_code_yearly_price"),
    ]

    operations = [
        migrations.RunPython(give_codes, migrations.RunPython.noop),
    ]
