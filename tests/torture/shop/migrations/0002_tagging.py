from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.CreateModel(
            "Tagging",
            [
                (
                    "id",
                    models.BigAutoField(
                        primary_key=True, serialize=False, auto_created=True, verbose_name="ID"
                    ),
                ),
                ("weight", models.SmallIntegerField(default=1)),
                ("product", models.ForeignKey("shop.Product", models.CASCADE)),
                ("tag", models.ForeignKey("shop.Tag", models.CASCADE)),
            ],
            options={"unique_together": {("product", "tag")}},
        ),
        migrations.AddField(
            "product", "tags", models.ManyToManyField("shop.Tag", through="shop.Tagging")
        ),
    ]
