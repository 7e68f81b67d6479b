from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hr_core", "0010_link_employees_to_profiles"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="PublicHoliday",
            new_name="Holiday",
        ),
        migrations.AddField(
            model_name="holiday",
            name="departments",
            field=models.ManyToManyField(
                blank=True, related_name="holidays", to="hr_core.department"
            ),
        ),
        migrations.AddConstraint(
            model_name="holiday",
            constraint=models.UniqueConstraint(fields=("date", "name"), name="holiday_once"),
        ),
    ]
