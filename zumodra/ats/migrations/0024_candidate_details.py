import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0023_stagechange_trigger"),
    ]

    operations = [
        migrations.AddField(
            model_name="candidate",
            name="full_name",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.Concat(
                    "first_name", models.Value(" "), "last_name"
                ),
                output_field=models.CharField(max_length=161),
            ),
        ),
        migrations.AddField(
            model_name="candidate",
            name="headline",
            field=models.CharField(blank=True, max_length=160),
        ),
        migrations.AddField(
            model_name="candidate",
            name="profile_url",
            field=models.URLField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name="candidate",
            name="source",
            field=models.CharField(default="website", max_length=40),
        ),
        migrations.AddField(
            model_name="candidate",
            name="resume_text",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="candidate",
            name="consent_until",
            field=models.DateField(blank=True, null=True),
        ),
    ]
