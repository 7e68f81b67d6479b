from decimal import Decimal

import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0015_rename_escrowtransfer_escrowtransaction"),
    ]

    operations = [
        migrations.AlterField(
            model_name="invoiceline",
            name="quantity",
            field=models.DecimalField(decimal_places=2, default=Decimal("1.00"), max_digits=8),
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="amount",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.expressions.CombinedExpression(
                    models.F("quantity"), "*", models.F("unit_price")
                ),
                output_field=models.DecimalField(decimal_places=2, max_digits=12),
            ),
        ),
        migrations.AddConstraint(
            model_name="invoiceline",
            constraint=models.UniqueConstraint(
                fields=("invoice", "position"), name="invoice_line_position_once"
            ),
        ),
    ]
