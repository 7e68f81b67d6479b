from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "0014_by_hand")]
    operations = [
        AddIndexConcurrently("product", models.Index(fields=["weight"], name="shop_weight")),
        migrations.AddField("product", "note", models.CharField(max_length=100, default="")),
        AddIndexConcurrently(
            "product", models.Index(fields=["note", "weight"], name="shop_note_weight")
        ),
    ]
