from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0013_number_jobs"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="reference",
            field=models.CharField(max_length=20, unique=True),
        ),
    ]
