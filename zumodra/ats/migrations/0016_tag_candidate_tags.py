from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0015_interview"),
    ]

    operations = [
        migrations.CreateModel(
            name="Tag",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=40, unique=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.AddField(
            model_name="candidate",
            name="tags",
            field=models.ManyToManyField(related_name="candidates", to="ats.tag"),
        ),
    ]
