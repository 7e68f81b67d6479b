from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=50)
    products = models.ManyToManyField("shop.Product")

    def __str__(self) -> str:
        return self.name


class Movement(models.Model):
    shelf = models.ForeignKey(Shelf, models.PROTECT)
    product = models.ForeignKey("shop.Product", models.CASCADE, null=True)
    count = models.IntegerField(default=0)
    reason = models.CharField(max_length=20, default="unknown")

    def __str__(self) -> str:
        return f"{self.shelf_id}: {self.count}"
