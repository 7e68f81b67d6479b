from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0029_candidate_email_once"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="candidate",
            constraint=models.UniqueConstraint(fields=("email",), name="candidate_email_once"),
        ),
        migrations.AddIndex(
            model_name="candidate",
            index=models.Index(fields=["source", "-created_at"], name="candidate_source_idx"),
        ),
    ]
