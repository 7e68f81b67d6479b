import django.db.models.constraints
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0019_offer_note"),
    ]

    operations = [
        migrations.AddField(
            model_name="pipelinestage",
            name="kind",
            field=models.CharField(
                choices=[("open", "Open"), ("hired", "Hired"), ("rejected", "Rejected")],
                default="open",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="pipeline",
            name="is_default",
            field=models.BooleanField(default=False),
        ),
        migrations.RenameField(
            model_name="pipelinestage",
            old_name="order",
            new_name="position",
        ),
        migrations.AlterModelOptions(
            name="pipelinestage",
            options={"ordering": ["pipeline", "position"]},
        ),
        migrations.AddConstraint(
            model_name="pipelinestage",
            constraint=models.UniqueConstraint(
                deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                fields=("pipeline", "position"),
                name="stage_position_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="pipeline",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)),
                fields=("is_default",),
                name="pipeline_one_default",
            ),
        ),
    ]
