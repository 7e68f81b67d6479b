from django.db import migrations

CREATE = """
CREATE VIEW finance_monthly_revenue AS
SELECT date_trunc('month', p.paid_at AT TIME ZONE 'UTC')::date AS month,
       i.currency,
       count(*) AS payments,
       sum(p.amount) AS amount
FROM finance_payment p
JOIN finance_invoice i ON i.id = p.invoice_id
WHERE p.status = 'succeeded'
GROUP BY 1, 2
"""

DROP = "DROP VIEW finance_monthly_revenue"


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0020_invoice_open_due_idx"),
    ]

    operations = [
        migrations.RunSQL(CREATE, DROP),
    ]
