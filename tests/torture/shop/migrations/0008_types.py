from django.db import migrations, models


def number_products(apps, schema_editor):
    for position, product in enumerate(apps.get_model("shop", "Product").objects.order_by("pk")):
        product.rank = position * 7
        product.save()


class Migration(migrations.Migration):
    dependencies = [("shop", "0007_renames")]
    operations = [
        migrations.AlterField("section", "name", models.TextField()),
        migrations.AlterField("section", "position", models.BigIntegerField(default=0)),
        migrations.AlterField("product", "name", models.TextField()),
        migrations.RunPython(number_products, migrations.RunPython.noop, elidable=True),
    ]
