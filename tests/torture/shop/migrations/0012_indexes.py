import django.contrib.postgres.indexes
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("shop", "0011_constraints")]
    operations = [
        migrations.AddIndex(
            "product",
            models.Index(fields=["name"], name="shop_name_like", opclasses=["text_pattern_ops"]),
        ),
        migrations.AddIndex(
            "product",
            models.Index(
                django.contrib.postgres.indexes.OpClass(Upper("name"), name="text_pattern_ops"),
                name="shop_name_upper",
            ),
        ),
        migrations.AddIndex(
            "product",
            models.Index(fields=["rank"], condition=models.Q(rank__gt=10), name="shop_rank_old"),
        ),
        migrations.RenameIndex("product", new_name="shop_rank_high", old_name="shop_rank_old"),
        migrations.AddIndex(
            "product", models.Index(fields=["-made_at"], include=["code"], name="shop_made")
        ),
        migrations.AddIndex(
            "product",
            django.contrib.postgres.indexes.GinIndex(fields=["details"], name="shop_details"),
        ),
    ]
