from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("ats", "0008_job_location"),
        ("ats", "0009_job_is_remote"),
        ("ats", "0010_job_employment"),
    ]

    dependencies = [
        ("ats", "0007_job_pipeline_required"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="location",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name="job",
            name="is_remote",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="job",
            name="employment",
            field=models.CharField(
                choices=[
                    ("full_time", "Full time"),
                    ("part_time", "Part time"),
                    ("contract", "Contract"),
                    ("internship", "Internship"),
                ],
                default="full_time",
                max_length=12,
            ),
        ),
    ]
