from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stock", "0003_fill")]
    operations = [
        migrations.AddField(
            "movement", "reason", models.CharField(max_length=20, default="unknown")
        ),
    ]
