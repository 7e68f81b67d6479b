from django.db import models


class Folder(models.Model):
    name = models.CharField(max_length=50)
    colour = models.CharField(max_length=20, default="grey")
    size = models.IntegerField(null=True)
    height = models.IntegerField(null=True)

    class Meta:
        indexes = (models.Index(fields=("colour",), name="folded_colour"),)

    def __str__(self) -> str:
        return self.name
