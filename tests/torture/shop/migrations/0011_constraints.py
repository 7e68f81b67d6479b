import django.contrib.postgres.constraints
from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("shop", "0010_database_side")]
    operations = [
        migrations.AddConstraint(
            "product",
            models.UniqueConstraint(
                fields=("rank", "code"),
                name="shop_product_rank",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ),
        migrations.AddConstraint(
            "product",
            models.UniqueConstraint(
                fields=("code",), condition=~models.Q(code="none"), name="shop_product_code"
            ),
        ),
        migrations.AddConstraint(
            "product",
            models.UniqueConstraint(Lower("name"), "category", name="shop_product_lower"),
        ),
        migrations.AddConstraint(
            "product",
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="shop_product_amount"),
        ),
        migrations.AddConstraint(
            "product",
            django.contrib.postgres.constraints.ExclusionConstraint(
                name="shop_product_life", expressions=[("life", "&&")]
            ),
        ),
    ]
