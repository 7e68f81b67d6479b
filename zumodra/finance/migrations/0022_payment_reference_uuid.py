import uuid

from django.db import migrations, models

# References that are no UUIDs get a new one: nobody but the provider's log ever saw them.
TO_UUID = """
ALTER TABLE finance_payment ALTER COLUMN reference TYPE uuid USING
    CASE WHEN reference ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
         THEN reference::uuid ELSE gen_random_uuid() END;
ALTER TABLE finance_payment ADD CONSTRAINT finance_payment_reference_key UNIQUE (reference);
"""

TO_TEXT = """
ALTER TABLE finance_payment DROP CONSTRAINT finance_payment_reference_key;
ALTER TABLE finance_payment ALTER COLUMN reference TYPE varchar(60) USING reference::text;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0021_monthly_revenue_view"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(TO_UUID, TO_TEXT)],
            state_operations=[
                migrations.AlterField(
                    model_name="payment",
                    name="reference",
                    field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
                ),
            ],
        ),
        migrations.AddField(
            model_name="payment",
            name="failure_code",
            field=models.CharField(blank=True, max_length=60, null=True),
        ),
    ]
