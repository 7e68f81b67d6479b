from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [("folded", "0001_initial"), ("folded", "0002_colour"), ("folded", "0003_size")]
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "Folder",
            [
                (
                    "id",
                    models.BigAutoField(
                        primary_key=True, serialize=False, auto_created=True, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=50)),
                ("colour", models.CharField(max_length=20, default="grey")),
                ("size", models.IntegerField(null=True)),
            ],
            options={"indexes": [models.Index(fields=["colour"], name="folded_colour")]},
        ),
    ]
