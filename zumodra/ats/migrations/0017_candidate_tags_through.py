import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0016_tag_candidate_tags"),
    ]

    operations = [
        # The table that Django made for the many-to-many field becomes a model of its own.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE ats_candidate_tags RENAME TO ats_candidatetag",
                    "ALTER TABLE ats_candidatetag RENAME TO ats_candidate_tags",
                ),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="CandidateTag",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "candidate",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, to="ats.candidate"
                            ),
                        ),
                        (
                            "tag",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, to="ats.tag"
                            ),
                        ),
                    ],
                    options={"unique_together": {("candidate", "tag")}},
                ),
                migrations.AlterField(
                    model_name="candidate",
                    name="tags",
                    field=models.ManyToManyField(
                        related_name="candidates", through="ats.CandidateTag", to="ats.tag"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="candidatetag",
            name="added_on",
            field=models.DateField(default=django.utils.timezone.localdate),
        ),
        migrations.AlterUniqueTogether(name="candidatetag", unique_together=set()),
        migrations.AddConstraint(
            model_name="candidatetag",
            constraint=models.UniqueConstraint(
                fields=("candidate", "tag"), name="candidate_tag_once"
            ),
        ),
    ]
