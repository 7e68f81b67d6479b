from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0008_types")]
    operations = [
        migrations.AlterField("product", "rank", models.BigIntegerField(default=0)),
        migrations.AddField("product", "code", models.CharField(max_length=20, default="none")),
    ]
