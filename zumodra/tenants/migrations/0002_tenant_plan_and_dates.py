from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="plan",
            field=models.CharField(
                choices=[
                    ("free", "Free"),
                    ("starter", "Starter"),
                    ("professional", "Professional"),
                    ("enterprise", "Enterprise"),
                ],
                default="free",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="status",
            field=models.CharField(
                choices=[
                    ("provisioning", "Being set up"),
                    ("trial", "On trial"),
                    ("active", "Active"),
                    ("suspended", "Suspended"),
                    ("closed", "Closed"),
                ],
                default="provisioning",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="trial_ends",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="paid_until",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["provisioning", "trial", "active", "suspended", "closed"])
                ),
                name="tenants_tenant_status_known",
            ),
        ),
    ]
