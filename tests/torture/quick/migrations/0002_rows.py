from django.db import migrations, models


def write(apps, schema_editor):
    Note = apps.get_model("quick", "Note")
    shelf = apps.get_model("stock", "Shelf").objects.first()
    Note.objects.bulk_create([Note(text="one", owner=shelf), Note(text="two", owner=shelf)])


def clear(apps, schema_editor):
    apps.get_model("quick", "Note").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("quick", "0001_initial")]
    operations = [
        migrations.AddField("note", "length", models.IntegerField(default=0)),
        migrations.RunPython(write, clear),
    ]
