from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0008_invoice_subtotals"),
    ]

    operations = [
        migrations.RenameField(
            model_name="plan",
            old_name="price",
            new_name="monthly_price",
        ),
        migrations.AddField(
            model_name="plan",
            name="yearly_price",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True),
        ),
        migrations.AddField(
            model_name="plan",
            name="features",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="plan",
            name="is_active",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name="plan",
            name="code",
            field=models.SlugField(db_index=False, max_length=40, null=True),
        ),
    ]
