"""Rows with deferred foreign keys; the very next migrations alter the tables they are in."""

from django.db import migrations


def fill(apps, schema_editor):
    Category = apps.get_model("shop", "Category")
    Product = apps.get_model("shop", "Product")
    Supplier = apps.get_model("shop", "Supplier")
    Tag = apps.get_model("shop", "Tag")
    Tagging = apps.get_model("shop", "Tagging")
    if Category.objects.exists():
        return
    first = Category.objects.create(name="Fruit")
    Category.objects.create(name="Bread")
    supplier = Supplier.objects.create(name="Orchard")
    for name in ("Apple", "Pear", "Plum"):
        product = Product.objects.create(name=name, price="1.25", category=first, supplier=supplier)
    supplier.best = product
    supplier.save()
    Tagging.objects.create(product=product, tag=Tag.objects.create(name="blue"))


def empty(apps, schema_editor):
    apps.get_model("shop", "Category").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("shop", "0004_together")]
    operations = [migrations.RunPython(fill, empty)]
