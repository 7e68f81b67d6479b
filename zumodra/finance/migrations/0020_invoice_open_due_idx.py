from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # CREATE INDEX CONCURRENTLY can't run inside a transaction.
    atomic = False

    dependencies = [
        ("finance", "0019_invoice_constraints"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("status", "open")),
                fields=["due_on"],
                name="invoice_open_due_idx",
            ),
        ),
        AddIndexConcurrently(
            model_name="payment",
            index=models.Index(fields=["-paid_at"], name="payment_paid_idx"),
        ),
    ]
