from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


def weigh(apps, schema_editor):
    Product = apps.get_model("shop", "Product")
    Product.objects.filter(weight=None).update(weight=3)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0016_between")]
    operations = [
        RemoveIndexConcurrently("product", "shop_weight"),
        migrations.RunPython(weigh, migrations.RunPython.noop),
    ]
