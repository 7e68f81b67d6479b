from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hr_core", "0014_employee_indexes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="employee",
            name="annual_salary",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=12, null=True),
        ),
        migrations.AlterField(
            model_name="timeoffrequest",
            name="days",
            field=models.DecimalField(decimal_places=2, max_digits=5),
        ),
    ]
