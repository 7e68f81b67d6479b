import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0006_assign_default_pipeline"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="pipeline",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="jobs", to="ats.pipeline"
            ),
        ),
    ]
