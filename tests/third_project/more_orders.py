"""A migration of the project's next release."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.AddField("order", "fetched_at", models.DateTimeField(null=True)),
        migrations.AddIndex("order", models.Index(fields=["customer"], name="order_customer")),
    ]
