import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0027_job_candidate_uuid"),
    ]

    operations = [
        migrations.AddField(
            model_name="application",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="applications",
                to="accounts.profile",
            ),
        ),
        migrations.AddField(
            model_name="application",
            name="rating",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="application",
            name="rejection_reason",
            field=models.CharField(blank=True, max_length=200, null=True),
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("rating__isnull", True), ("rating__range", (1, 5)), _connector="OR"
                ),
                name="application_rating_range",
            ),
        ),
        migrations.AddIndex(
            model_name="application",
            index=models.Index(fields=["job", "stage"], name="application_board_idx"),
        ),
        migrations.AddIndex(
            model_name="application",
            index=models.Index(fields=["-applied_at"], name="application_newest_idx"),
        ),
        migrations.AddIndex(
            model_name="interview",
            index=models.Index(
                condition=models.Q(("status", "planned")),
                fields=["starts_at"],
                name="interview_planned_idx",
            ),
        ),
        migrations.RenameIndex(
            model_name="job",
            new_name="job_published_idx",
            old_name="ats_job_status_pub_idx",
        ),
        migrations.AlterModelOptions(
            name="application",
            options={"ordering": ["-applied_at"]},
        ),
        migrations.AlterModelOptions(
            name="job",
            options={"ordering": ["-created_at"]},
        ),
    ]
