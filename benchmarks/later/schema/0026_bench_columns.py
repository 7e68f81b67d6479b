from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("finance", "0025_refund")]
    operations = [
        migrations.AddField("payment", "bench_note", models.CharField(max_length=40, null=True)),
        migrations.AddField("invoice", "bench_rank", models.IntegerField(null=True)),
    ]
