import django.contrib.postgres.fields.ranges
from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("shop", "0009_not_null")]
    operations = [
        migrations.AddField("product", "status", models.CharField(max_length=10, db_default="new")),
        migrations.AddField("product", "made_at", models.DateTimeField(db_default=Now())),
        migrations.AddField(
            "product",
            "doubled",
            models.GeneratedField(
                expression=F("rank") * 2, output_field=models.BigIntegerField(), db_persist=True
            ),
        ),
        migrations.AddField(
            "product", "life", django.contrib.postgres.fields.ranges.IntegerRangeField(null=True)
        ),
        migrations.AddField("product", "details", models.JSONField(default=dict)),
        migrations.AlterField(
            "product", "name", models.TextField(db_comment="As printed on the invoice")
        ),
        migrations.AlterModelTableComment("product", "What is sold"),
    ]
