from django.db import models


class Till(models.Model):
    number = models.PositiveIntegerField(unique=True)

    def __str__(self) -> str:
        return f"Till {self.number}"
