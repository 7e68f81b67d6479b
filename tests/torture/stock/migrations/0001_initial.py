from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("shop", "0003_circle")]
    operations = [
        migrations.CreateModel(
            "Shelf",
            [
                (
                    "id",
                    models.BigAutoField(
                        primary_key=True, serialize=False, auto_created=True, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=50)),
                ("products", models.ManyToManyField("shop.Product")),
            ],
        ),
    ]
