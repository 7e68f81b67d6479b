from django.db import models


class Parcel(models.Model):
    address = models.CharField(max_length=100)
    grams = models.IntegerField(default=0)

    def __str__(self) -> str:
        return self.address
