from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0008_job_location"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="is_remote",
            field=models.BooleanField(default=False),
        ),
    ]
