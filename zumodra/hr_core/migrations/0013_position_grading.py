from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hr_core", "0012_employee_constraints"),
    ]

    operations = [
        migrations.AddField(
            model_name="position",
            name="level",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="position",
            name="salary_min",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True),
        ),
        migrations.AddField(
            model_name="position",
            name="salary_max",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.UniqueConstraint(
                fields=("department", "title", "level"), name="position_once_per_department"
            ),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.CheckConstraint(
                condition=models.Q(("salary_max__gte", models.F("salary_min"))),
                name="position_salary_range",
            ),
        ),
    ]
