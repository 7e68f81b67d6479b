from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("quick", "0003_by_steps")]
    operations = [migrations.AddField("note", "last", models.IntegerField(null=True))]
