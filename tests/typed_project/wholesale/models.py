from django.db import models


class Pallet(models.Model):
    weight = models.PositiveIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"Pallet of {self.weight} kg"
