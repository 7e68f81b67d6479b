from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hr_core", "0007_timeoffbalance"),
    ]

    operations = [
        migrations.AddField(
            model_name="employee",
            name="contract",
            field=models.CharField(
                choices=[
                    ("permanent", "Permanent"),
                    ("fixed_term", "Fixed term"),
                    ("contractor", "Contractor"),
                ],
                default="permanent",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="employee",
            name="status",
            field=models.CharField(
                choices=[("active", "Active"), ("on_leave", "On leave"), ("left", "Left")],
                default="active",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="employee",
            name="left_on",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="employee",
            name="weekly_hours",
            field=models.DecimalField(decimal_places=1, default=40, max_digits=4),
        ),
        migrations.AddField(
            model_name="employee",
            name="annual_salary",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
    ]
