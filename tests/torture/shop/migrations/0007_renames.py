from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("shop", "0006_alter_after_rows")]
    operations = [
        migrations.RenameField("product", "price", "amount"),
        migrations.RenameModel("Category", "Section"),
        migrations.RenameModel("Tag", "Label"),
        migrations.AlterModelTable("label", "shop_sticker"),
        migrations.RenameModel("Tagging", "Labelling"),
        migrations.RenameField("labelling", "tag", "label"),
        migrations.RenameField("product", "tags", "labels"),
    ]
