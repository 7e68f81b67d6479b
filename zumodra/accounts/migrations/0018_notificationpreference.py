import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0017_profile_last_seen_idx"),
        ("custom_account_u", "__first__"),
    ]

    operations = [
        migrations.CreateModel(
            name="NotificationPreference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "profile",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notification_preferences",
                        to="accounts.profile",
                    ),
                ),
                ("event", models.CharField(max_length=60)),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "E-mail"), ("in_app", "In the app")], max_length=10
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True)),
            ],
        ),
        migrations.AddConstraint(
            model_name="notificationpreference",
            constraint=models.UniqueConstraint(
                fields=("profile", "event", "channel"), name="notification_preference_once"
            ),
        ),
        migrations.AlterModelOptions(
            name="profile",
            options={"ordering": ["id"]},
        ),
        migrations.AlterField(
            model_name="profile",
            name="user",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="profile",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
