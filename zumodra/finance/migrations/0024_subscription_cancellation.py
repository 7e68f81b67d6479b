from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0023_payment_constraints"),
    ]

    operations = [
        migrations.AddField(
            model_name="subscription",
            name="trial_ends",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="subscription",
            name="cancel_at_period_end",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="subscription",
            name="canceled_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(("period_end__gte", models.F("period_start"))),
                name="subscription_period_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(("status", "canceled"), _negated=True),
                name="subscription_one_running",
            ),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(fields=["status", "period_end"], name="subscription_renewal_idx"),
        ),
    ]
