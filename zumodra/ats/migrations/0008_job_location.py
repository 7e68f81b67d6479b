from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0007_job_pipeline_required"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="location",
            field=models.CharField(blank=True, max_length=80),
        ),
    ]
