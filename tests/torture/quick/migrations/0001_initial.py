from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("stock", "0004_reason")]
    operations = [
        migrations.CreateModel(
            "Note",
            [
                (
                    "id",
                    models.BigAutoField(
                        primary_key=True, serialize=False, auto_created=True, verbose_name="ID"
                    ),
                ),
                ("text", models.CharField(max_length=100)),
                ("owner", models.ForeignKey("stock.Shelf", models.CASCADE, null=True)),
            ],
        ),
    ]
