from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0011_jobcategory"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="reference",
            field=models.CharField(max_length=20, null=True),
        ),
    ]
