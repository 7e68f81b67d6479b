from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0017_candidate_tags_through"),
    ]

    operations = [
        migrations.RenameField(
            model_name="interview",
            old_name="scheduled_at",
            new_name="starts_at",
        ),
        migrations.AddConstraint(
            model_name="interview",
            constraint=models.CheckConstraint(
                condition=models.Q(("minutes__range", (5, 480))), name="interview_sensible_length"
            ),
        ),
        migrations.AlterModelOptions(
            name="interview",
            options={"ordering": ["starts_at"]},
        ),
    ]
