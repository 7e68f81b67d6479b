import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_profile_uuid_unique"),
        ("hr_core", "0008_employee_contract"),
    ]

    operations = [
        migrations.AddField(
            model_name="employee",
            name="profile",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="employee",
                to="accounts.profile",
            ),
        ),
    ]
