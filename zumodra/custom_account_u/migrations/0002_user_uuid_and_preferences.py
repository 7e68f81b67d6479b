import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("custom_account_u", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="uuid",
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
        migrations.AddField(
            model_name="user",
            name="locale",
            field=models.CharField(default="en", max_length=12),
        ),
        migrations.AddField(
            model_name="user",
            name="timezone",
            field=models.CharField(default="UTC", max_length=64),
        ),
    ]
