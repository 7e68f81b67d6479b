from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0012_indexes")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE shop_product ADD COLUMN barcode varchar(30) NOT NULL DEFAULT ''",
                    "ALTER TABLE shop_product DROP COLUMN barcode",
                )
            ],
            state_operations=[
                migrations.AddField(
                    "product", "barcode", models.CharField(max_length=30, default="")
                )
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.AddField("product", "weight", models.IntegerField(null=True))
            ],
            state_operations=[
                migrations.AddField("product", "weight", models.IntegerField(null=True))
            ],
        ),
    ]
