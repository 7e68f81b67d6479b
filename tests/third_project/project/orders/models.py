from django.db import models


class Order(models.Model):
    customer = models.CharField(max_length=100)
    loaves = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(loaves__gt=0), name="order_some_loaves"),
        )

    def __str__(self) -> str:
        return f"{self.loaves} for {self.customer}"
