from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("folded", "0002_colour")]
    operations = [
        migrations.AddField("folder", "size", models.IntegerField(null=True)),
        migrations.AddIndex("folder", models.Index(fields=["colour"], name="folded_colour")),
    ]
