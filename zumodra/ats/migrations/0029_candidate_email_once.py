from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models.functions import Lower


def merge_duplicates(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Candidates with one address are one person: keep the oldest, with what the others had."""
    candidate_model = apps.get_model("ats", "Candidate")
    candidate_model.objects.exclude(email=Lower("email")).update(email=Lower("email"))
    kept: dict[str, int] = {}
    for candidate in candidate_model.objects.order_by("created_at", "pk").only("pk", "email"):
        keeper = kept.setdefault(candidate.email, candidate.pk)
        if keeper != candidate.pk:
            applications = candidate.applications.all()
            seen = candidate_model.objects.get(pk=keeper).applications.values("job")
            applications.exclude(job__in=seen).update(candidate=keeper)
            candidate.notes.filter(application=None).update(candidate=keeper)
            if not candidate.applications.exists():
                candidate.delete()
            else:
                unique = f"{candidate.pk}+{candidate.email}"
                candidate_model.objects.filter(pk=candidate.pk).update(email=unique)


class Migration(migrations.Migration):
    dependencies = [
        ("ats", "0028_application_owner_rating"),
    ]

    operations = [
        migrations.RunPython(merge_duplicates, migrations.RunPython.noop),
    ]
