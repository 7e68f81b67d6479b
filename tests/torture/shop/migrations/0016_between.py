from django.db import migrations


def describe(apps, schema_editor):
    Product = apps.get_model("shop", "Product")
    for product in Product.objects.order_by("pk"):
        product.note = f"{product.name}, {product.status}"
        product.save()


class Migration(migrations.Migration):
    dependencies = [("shop", "0015_concurrently")]
    operations = [migrations.RunPython(describe, migrations.RunPython.noop)]
