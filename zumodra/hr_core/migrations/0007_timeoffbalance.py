import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hr_core", "0006_default_time_off_types"),
    ]

    operations = [
        migrations.CreateModel(
            name="TimeOffBalance",
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
                        related_name="balances",
                        to="hr_core.employee",
                    ),
                ),
                (
                    "type",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="balances",
                        to="hr_core.timeofftype",
                    ),
                ),
                ("year", models.PositiveSmallIntegerField()),
                ("entitled_days", models.DecimalField(decimal_places=2, default=0, max_digits=5)),
                ("used_days", models.DecimalField(decimal_places=2, default=0, max_digits=5)),
            ],
            options={
                "verbose_name": "time-off balance",
            },
        ),
        migrations.AddConstraint(
            model_name="timeoffbalance",
            constraint=models.UniqueConstraint(
                fields=("employee", "type", "year"), name="balance_once_per_year"
            ),
        ),
        migrations.AddField(
            model_name="timeofftype",
            name="annual_days",
            field=models.DecimalField(decimal_places=2, default=0, max_digits=5),
        ),
        migrations.AddField(
            model_name="timeoffbalance",
            name="remaining_days",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.expressions.CombinedExpression(
                    models.F("entitled_days"), "-", models.F("used_days")
                ),
                output_field=models.DecimalField(decimal_places=2, max_digits=6),
            ),
        ),
    ]
