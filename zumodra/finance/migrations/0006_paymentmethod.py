import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0005_payment"),
    ]

    operations = [
        migrations.CreateModel(
            name="PaymentMethod",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("card", "Card"),
                            ("direct_debit", "Direct debit"),
                            ("transfer", "Bank transfer"),
                        ],
                        default="card",
                        max_length=12,
                    ),
                ),
                ("label", models.CharField(max_length=60)),
                ("last_digits", models.CharField(blank=True, max_length=4)),
                ("expires_on", models.DateField(blank=True, null=True)),
                ("provider_reference", models.CharField(max_length=120, unique=True)),
            ],
        ),
        migrations.AddField(
            model_name="payment",
            name="method",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="payments",
                to="finance.paymentmethod",
            ),
        ),
    ]
