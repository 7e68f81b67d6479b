from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models.functions import Lower


def lower_addresses(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    users = apps.get_model("custom_account_u", "User").objects
    users.exclude(email=Lower("email")).update(email=Lower("email"))


class Migration(migrations.Migration):
    dependencies = [
        ("custom_account_u", "0002_user_uuid_and_preferences"),
    ]

    operations = [
        migrations.RunPython(lower_addresses, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(Lower("email"), name="user_email_ci_unique"),
        ),
        migrations.AlterModelOptions(name="user", options={"ordering": ["email"]}),
    ]
