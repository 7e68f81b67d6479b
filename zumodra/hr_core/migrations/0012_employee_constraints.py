from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hr_core", "0011_rename_publicholiday_holiday"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="employee",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("left_on__isnull", True),
                    ("left_on__gte", models.F("hired_on")),
                    _connector="OR",
                ),
                name="employee_leaves_after_hire",
            ),
        ),
        migrations.AddConstraint(
            model_name="employee",
            constraint=models.UniqueConstraint(
                condition=models.Q(("work_email", ""), _negated=True),
                fields=("work_email",),
                name="employee_work_email_once",
            ),
        ),
        migrations.AlterModelOptions(
            name="employee",
            options={"ordering": ["last_name", "first_name"]},
        ),
    ]
