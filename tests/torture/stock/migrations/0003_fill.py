from django.db import migrations


def fill(apps, schema_editor):
    Shelf = apps.get_model("stock", "Shelf")
    Movement = apps.get_model("stock", "Movement")
    Product = apps.get_model("shop", "Product")
    shelf = Shelf.objects.create(name="Top")
    shelf.products.set(Product.objects.order_by("pk"))
    for product in Product.objects.order_by("pk"):
        Movement.objects.create(shelf=shelf, product=product, count=product.pk)


def empty(apps, schema_editor):
    apps.get_model("stock", "Movement").objects.all().delete()
    apps.get_model("stock", "Shelf").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("stock", "0002_movement"), ("shop", "0014_by_hand")]
    operations = [migrations.RunPython(fill, empty)]
