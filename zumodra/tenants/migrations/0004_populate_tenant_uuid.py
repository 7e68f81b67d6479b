import uuid

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def give_uuids(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    tenant_model = apps.get_model("tenants", "Tenant")
    for tenant in tenant_model.objects.filter(uuid=None).only("pk"):
        tenant_model.objects.filter(pk=tenant.pk).update(uuid=uuid.uuid4())


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0003_tenant_uuid"),
    ]

    operations = [
        migrations.RunPython(give_uuids, migrations.RunPython.noop),
    ]
