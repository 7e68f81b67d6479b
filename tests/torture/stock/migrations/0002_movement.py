from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stock", "0001_initial"), ("shop", "0007_renames")]
    operations = [
        migrations.CreateModel(
            "Movement",
            [
                (
                    "id",
                    models.BigAutoField(
                        primary_key=True, serialize=False, auto_created=True, verbose_name="ID"
                    ),
                ),
                ("count", models.IntegerField(default=0)),
                ("shelf", models.ForeignKey("stock.Shelf", models.PROTECT)),
                ("product", models.ForeignKey("shop.Product", models.CASCADE, null=True)),
            ],
        ),
    ]
