from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_invitation"),
    ]

    operations = [
        migrations.RenameField(
            model_name="profile",
            old_name="title",
            new_name="job_title",
        ),
    ]
