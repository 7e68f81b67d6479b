import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hr_core", "0016_employee_hired_from"),
    ]

    operations = [
        migrations.AddField(
            model_name="timeoffrequest",
            name="status",
            field=models.CharField(
                choices=[
                    ("requested", "Requested"),
                    ("approved", "Approved"),
                    ("declined", "Declined"),
                    ("cancelled", "Cancelled"),
                ],
                default="requested",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="timeoffrequest",
            name="decided_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="hr_core.employee",
            ),
        ),
        migrations.AddField(
            model_name="timeoffrequest",
            name="decided_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="timeoffrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_on__gte", models.F("starts_on"))),
                name="time_off_ends_after_start",
            ),
        ),
        migrations.AddConstraint(
            model_name="timeoffrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("days__gt", 0)), name="time_off_some_days"
            ),
        ),
        migrations.AddIndex(
            model_name="timeoffrequest",
            index=models.Index(fields=["starts_on", "ends_on"], name="time_off_dates_idx"),
        ),
        migrations.AddIndex(
            model_name="timeoffrequest",
            index=models.Index(fields=["employee", "status"], name="time_off_status_idx"),
        ),
        migrations.AlterModelOptions(
            name="timeoffrequest",
            options={"ordering": ["-starts_on"], "verbose_name": "time-off request"},
        ),
        migrations.AlterModelOptions(
            name="timeoffbalance",
            options={"verbose_name": "time-off balance"},
        ),
        migrations.AlterModelOptions(
            name="timeofftype",
            options={"ordering": ["name"], "verbose_name": "time-off type"},
        ),
        migrations.CreateModel(
            name="EmployeeNote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "employee",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notes",
                        to="hr_core.employee",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="accounts.profile",
                    ),
                ),
                ("body", models.TextField()),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
    ]
