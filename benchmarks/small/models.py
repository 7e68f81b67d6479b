from django.db import models


class Plan(models.Model):
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=100)
    monthly_price = models.DecimalField(max_digits=10, decimal_places=2)


class Invoice(models.Model):
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT)
    number = models.CharField(max_length=32, unique=True)


class Payment(models.Model):
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE)
    received = models.DateTimeField(db_index=True)
