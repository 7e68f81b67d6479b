import hashlib

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def hash_tokens(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Keep only what is needed to recognise a token. Invitations sent before stay usable."""
    invitation_model = apps.get_model("accounts", "Invitation")
    for invitation in invitation_model.objects.only("pk", "token_hash").iterator():
        digest = hashlib.sha256(invitation.token_hash.encode()).hexdigest()
        invitation_model.objects.filter(pk=invitation.pk).update(token_hash=digest)


def revoke_all(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Tokens can't be had back from their hashes: invitations have to be sent again."""
    apps.get_model("accounts", "Invitation").objects.filter(accepted_at=None).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_profile_uuid_unique"),
    ]

    operations = [
        migrations.AddField(
            model_name="invitation",
            name="accepted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RenameField(model_name="invitation", old_name="token", new_name="token_hash"),
        migrations.AlterField(
            model_name="invitation",
            name="token_hash",
            field=models.CharField(editable=False, max_length=64, unique=True),
        ),
        migrations.RunPython(hash_tokens, revoke_all),
    ]
