"""Suppliers have a best product, products have a supplier."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_tagging")]
    operations = [
        migrations.CreateModel(
            "Supplier",
            [
                (
                    "id",
                    models.BigAutoField(
                        primary_key=True, serialize=False, auto_created=True, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "best",
                    models.ForeignKey("shop.Product", models.SET_NULL, null=True, related_name="+"),
                ),
            ],
        ),
        migrations.AddField(
            "product",
            "supplier",
            models.ForeignKey("shop.Supplier", models.SET_NULL, null=True, related_name="+"),
        ),
    ]
