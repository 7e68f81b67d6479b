from django.db import models


class Note(models.Model):
    text = models.CharField(max_length=100)
    owner = models.ForeignKey("stock.Shelf", models.CASCADE, null=True)
    length = models.IntegerField(default=0)
    kind = models.CharField(max_length=10, default="plain")
    last = models.IntegerField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=("kind",), name="quick_kind"),
            models.Index(fields=("length",), name="quick_length"),
        )

    def __str__(self) -> str:
        return self.text
