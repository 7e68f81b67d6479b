from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("folded", "0001_squashed_0003_size")]
    operations = [migrations.AddField("folder", "height", models.IntegerField(null=True))]
