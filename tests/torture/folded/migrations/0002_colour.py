from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("folded", "0001_initial")]
    operations = [
        migrations.AddField("folder", "colour", models.CharField(max_length=20, default="grey")),
    ]
