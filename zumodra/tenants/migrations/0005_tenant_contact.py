import uuid

import django.core.validators
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0004_populate_tenant_uuid"),
    ]

    operations = [
        migrations.AlterField(
            model_name="tenant",
            name="uuid",
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="owner_email",
            field=models.EmailField(default="", max_length=254),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="tenant",
            name="contact_name",
            field=models.CharField(blank=True, max_length=150),
        ),
        migrations.AddField(
            model_name="tenant",
            name="contact_phone",
            field=models.CharField(blank=True, max_length=32),
        ),
        migrations.AddField(
            model_name="tenant",
            name="country",
            field=models.CharField(
                blank=True,
                max_length=2,
                validators=[
                    django.core.validators.RegexValidator("^[A-Z]{2}$", "Two capital letters.")
                ],
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="is_demo",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name="domain",
            name="created",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.AddIndex(
            model_name="tenant",
            index=models.Index(fields=["status", "trial_ends"], name="tenants_status_trial_idx"),
        ),
        migrations.AlterModelOptions(
            name="tenant",
            options={"ordering": ["name"]},
        ),
        migrations.AlterModelOptions(
            name="domain",
            options={"ordering": ["domain"]},
        ),
    ]
