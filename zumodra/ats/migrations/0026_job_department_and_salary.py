import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0025_candidate_name_idx"),
        ("custom_account_u", "__first__"),
        ("hr_core", "0003_department_tree"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="department",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="jobs",
                to="hr_core.department",
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="hiring_manager",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="headcount",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="job",
            name="salary_min",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="salary_max",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="currency",
            field=models.CharField(default="EUR", max_length=3),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.CheckConstraint(
                condition=models.Q(("salary_max__gte", models.F("salary_min"))),
                name="job_salary_range",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["status", "-published_at"], name="ats_job_status_pub_idx"),
        ),
    ]
