from django.db import migrations


def write(apps, schema_editor):
    Plan = apps.get_model("finance", "Plan")
    for number in range(3):
        Plan.objects.create(code=f"bench-{number}", name="Bench", monthly_price=number)


class Migration(migrations.Migration):
    dependencies = [("finance", "0027_bench_index")]
    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
