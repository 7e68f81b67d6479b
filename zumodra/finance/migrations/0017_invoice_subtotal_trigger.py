from django.db import migrations

# The invoice is named with the schema of its lines, so that it is the right tenant's whatever the
# search path of the session is.
CREATE = """
CREATE FUNCTION finance_sum_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched bigint[] := ARRAY[]::bigint[];
BEGIN
    IF TG_OP <> 'INSERT' THEN
        touched := touched || OLD.invoice_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        touched := touched || NEW.invoice_id;
    END IF;
    EXECUTE format(
        'UPDATE %1$I.finance_invoice i SET subtotal = coalesce('
        ' (SELECT sum(l.amount) FROM %1$I.finance_invoiceline l WHERE l.invoice_id = i.id), 0)'
        ' WHERE i.id = ANY ($1)',
        TG_TABLE_SCHEMA
    ) USING touched;
    RETURN NULL;
END
$$;
CREATE TRIGGER finance_invoiceline_sum
    AFTER INSERT OR UPDATE OR DELETE ON finance_invoiceline
    FOR EACH ROW EXECUTE FUNCTION finance_sum_invoice();
"""

DROP = """
DROP TRIGGER finance_invoiceline_sum ON finance_invoiceline;
DROP FUNCTION finance_sum_invoice();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0016_invoiceline_amount"),
    ]

    operations = [
        migrations.RunSQL(CREATE, DROP),
    ]
