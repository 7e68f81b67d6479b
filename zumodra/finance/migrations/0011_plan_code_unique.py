from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("finance", "0010_populate_plan_codes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="plan",
            name="code",
            field=models.SlugField(max_length=40, unique=True),
        ),
        migrations.AlterModelOptions(
            name="plan",
            options={"ordering": ["monthly_price", "code"]},
        ),
    ]
