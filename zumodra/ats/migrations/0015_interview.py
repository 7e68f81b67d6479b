import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_profile_uuid_unique"),
        ("ats", "0014_job_reference_unique"),
    ]

    operations = [
        migrations.CreateModel(
            name="Interview",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="interviews",
                        to="ats.application",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("phone", "By phone"),
                            ("video", "By video"),
                            ("on_site", "On site"),
                        ],
                        default="video",
                        max_length=10,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("planned", "Planned"),
                            ("held", "Held"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="planned",
                        max_length=10,
                    ),
                ),
                ("minutes", models.PositiveSmallIntegerField(default=45)),
                ("location", models.CharField(blank=True, max_length=200)),
                (
                    "interviewers",
                    models.ManyToManyField(related_name="interviews", to="accounts.profile"),
                ),
                ("scheduled_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="InterviewFeedback",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "interview",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="feedback",
                        to="ats.interview",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="interview_feedback",
                        to="accounts.profile",
                    ),
                ),
                ("score", models.PositiveSmallIntegerField()),
                ("comment", models.TextField(blank=True)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
            ],
            options={
                "verbose_name_plural": "interview feedback",
            },
        ),
        migrations.AddConstraint(
            model_name="interviewfeedback",
            constraint=models.UniqueConstraint(
                fields=("interview", "author"), name="feedback_once_each"
            ),
        ),
        migrations.AddConstraint(
            model_name="interviewfeedback",
            constraint=models.CheckConstraint(
                condition=models.Q(("score__range", (1, 5))), name="feedback_score_range"
            ),
        ),
    ]
