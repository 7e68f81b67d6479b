from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("hr_core", "0003_department_tree"),
    ]

    operations = [
        migrations.CreateModel(
            name="PublicHoliday",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("date", models.DateField()),
                ("name", models.CharField(max_length=80)),
            ],
            options={
                "ordering": ["date"],
            },
        ),
    ]
