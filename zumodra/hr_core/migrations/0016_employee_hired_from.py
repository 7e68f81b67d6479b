import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0004_application"),
        ("hr_core", "0015_salary_and_days_are_decimals"),
    ]

    operations = [
        migrations.AddField(
            model_name="employee",
            name="hired_from",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="hire",
                to="ats.application",
            ),
        ),
    ]
