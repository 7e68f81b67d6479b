import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0002_tenant_plan_and_dates"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="uuid",
            field=models.UUIDField(default=uuid.uuid4, editable=False, null=True),
        ),
    ]
