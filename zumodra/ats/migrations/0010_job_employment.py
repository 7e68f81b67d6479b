from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0009_job_is_remote"),
    ]

    operations = [
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
        migrations.AlterField(
            model_name="job",
            name="location",
            field=models.CharField(blank=True, max_length=120),
        ),
    ]
