from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0018_invoice_total"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["draft", "open", "paid", "void"])),
                name="invoice_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(("due_on__gte", models.F("issued_on"))),
                name="invoice_due_after_issue",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(("tax_rate__range", (0, 100))), name="invoice_tax_rate_percent"
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(fields=["status", "-issued_on"], name="finance_invoice_status_idx"),
        ),
        migrations.AlterModelOptions(
            name="invoice",
            options={"ordering": ["-issued_on", "-number"]},
        ),
    ]
