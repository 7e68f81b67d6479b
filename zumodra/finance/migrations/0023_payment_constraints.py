from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0022_payment_reference_uuid"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="payment_amount_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "succeeded"), _negated=True),
                    ("paid_at__isnull", False),
                    _connector="OR",
                ),
                name="payment_succeeded_has_date",
            ),
        ),
        migrations.AlterModelOptions(
            name="payment",
            options={"ordering": ["-created_at"]},
        ),
        migrations.AddField(
            model_name="paymentmethod",
            name="is_default",
            field=models.BooleanField(default=False),
        ),
        migrations.AddConstraint(
            model_name="paymentmethod",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)),
                fields=("is_default",),
                name="payment_method_one_default",
            ),
        ),
        migrations.AlterModelOptions(
            name="paymentmethod",
            options={"ordering": ["-is_default", "label"]},
        ),
    ]
