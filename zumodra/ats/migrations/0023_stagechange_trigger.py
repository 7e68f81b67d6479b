from django.db import migrations

# The table is named with the schema of the row that fired, so that the history lands in the right
# tenant whatever the search path of the session is.
CREATE = """
CREATE FUNCTION ats_record_stage_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO %I.ats_stagechange (application_id, from_stage_id, to_stage_id, changed_at)'
        ' VALUES ($1, $2, $3, now())',
        TG_TABLE_SCHEMA
    ) USING NEW.id, OLD.stage_id, NEW.stage_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER ats_application_stage_change
    AFTER UPDATE OF stage_id ON ats_application
    FOR EACH ROW WHEN (OLD.stage_id IS DISTINCT FROM NEW.stage_id)
    EXECUTE FUNCTION ats_record_stage_change();
"""

DROP = """
DROP TRIGGER ats_application_stage_change ON ats_application;
DROP FUNCTION ats_record_stage_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0022_stagechange"),
    ]

    operations = [
        migrations.RunSQL(CREATE, DROP),
    ]
