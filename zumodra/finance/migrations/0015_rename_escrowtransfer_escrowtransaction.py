import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0014_escrowtransfer"),
        ("hr_core", "0002_position"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="EscrowTransfer",
            new_name="EscrowTransaction",
        ),
        migrations.AlterField(
            model_name="escrowtransaction",
            name="amount",
            field=models.DecimalField(decimal_places=2, max_digits=14),
        ),
        migrations.AddConstraint(
            model_name="escrowtransaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "deposit"), ("amount__gt", 0)),
                    models.Q(models.Q(("kind", "deposit"), _negated=True), ("amount__lt", 0)),
                    _connector="OR",
                ),
                name="escrow_amount_sign",
            ),
        ),
        migrations.AddIndex(
            model_name="escrowtransaction",
            index=models.Index(fields=["account", "created_at"], name="escrow_statement_idx"),
        ),
        migrations.AddIndex(
            model_name="escrowaccount",
            index=models.Index(fields=["status"], name="escrow_status_idx"),
        ),
        migrations.AlterModelOptions(
            name="escrowaccount",
            options={"ordering": ["-opened_on"]},
        ),
        migrations.AddField(
            model_name="escrowaccount",
            name="beneficiary",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="escrow_accounts",
                to="hr_core.employee",
            ),
        ),
    ]
