"""Alters tables in which the migration before wrote: "pending trigger events" lie in wait."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0005_first_rows")]
    operations = [
        migrations.AddField("supplier", "town", models.CharField(max_length=20, default="")),
        migrations.RemoveField("supplier", "town"),
        migrations.AlterField(
            "product", "price", models.DecimalField(max_digits=12, decimal_places=4)
        ),
        migrations.AlterUniqueTogether("product", {("category", "name", "supplier")}),
    ]
