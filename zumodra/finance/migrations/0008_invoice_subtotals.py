from decimal import Decimal

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The subtotal of an invoice is the sum of its lines."""
    for invoice in apps.get_model("finance", "Invoice").objects.prefetch_related("lines"):
        invoice.subtotal = sum(
            (line.quantity * line.unit_price for line in invoice.lines.all()), start=Decimal(0)
        )
        invoice.save(update_fields=["subtotal"])


def clear(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("finance", "Invoice").objects.update(subtotal=0)


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0007_invoice_tax_rate"),
    ]

    operations = [
        migrations.RunPython(fill, clear),
    ]
