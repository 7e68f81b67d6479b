from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("finance", "0026_bench_columns")]
    operations = [
        migrations.AddIndex("invoice", models.Index(fields=["bench_rank"], name="bench_rank_idx"))
    ]
