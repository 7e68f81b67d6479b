from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField
from django.contrib.postgres.fields.ranges import RangeOperators
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now, Upper


class Section(models.Model):
    """Was Category."""

    name = models.TextField()
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class Label(models.Model):
    """Was Tag, in a table of its own name."""

    name = models.CharField(max_length=40, unique=True)

    class Meta:
        db_table = "shop_sticker"

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    category = models.ForeignKey(Section, models.CASCADE)
    supplier = models.ForeignKey("Supplier", models.SET_NULL, null=True, related_name="+")
    labels = models.ManyToManyField(Label, through="Labelling")
    name = models.TextField(db_comment="As printed on the invoice")
    amount = models.DecimalField(max_digits=12, decimal_places=4)
    rank = models.BigIntegerField(default=0)
    code = models.CharField(max_length=20, default="none")
    status = models.CharField(max_length=10, db_default="new")
    made_at = models.DateTimeField(db_default=Now())
    doubled = models.GeneratedField(
        expression=F("rank") * 2, output_field=models.BigIntegerField(), db_persist=True
    )
    life = IntegerRangeField(null=True)
    details = models.JSONField(default=dict)
    barcode = models.CharField(max_length=30, default="")
    weight = models.IntegerField(null=True)
    note = models.CharField(max_length=100, default="")

    class Meta:
        db_table_comment = "What is sold"
        unique_together = (("category", "name", "supplier"),)
        constraints = (
            models.UniqueConstraint(
                fields=("rank", "code"),
                name="shop_product_rank",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.UniqueConstraint(
                fields=("code",), condition=~Q(code="none"), name="shop_product_code"
            ),
            models.UniqueConstraint(Lower("name"), "category", name="shop_product_lower"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="shop_product_amount"),
            ExclusionConstraint(
                name="shop_product_life", expressions=[("life", RangeOperators.OVERLAPS)]
            ),
        )
        indexes = (
            models.Index(fields=("name",), name="shop_name_like", opclasses=["text_pattern_ops"]),
            models.Index(OpClass(Upper("name"), "text_pattern_ops"), name="shop_name_upper"),
            models.Index(fields=("rank",), condition=Q(rank__gt=10), name="shop_rank_high"),
            models.Index(fields=("-made_at",), include=("code",), name="shop_made"),
            GinIndex(fields=("details",), name="shop_details"),
            models.Index(fields=("note", "weight"), name="shop_note_weight"),
        )

    def __str__(self) -> str:
        return self.name


class Labelling(models.Model):
    product = models.ForeignKey(Product, models.CASCADE)
    label = models.ForeignKey(Label, models.CASCADE)
    weight = models.SmallIntegerField(default=1)

    class Meta:
        unique_together = (("product", "label"),)

    def __str__(self) -> str:
        return f"{self.product_id}: {self.label_id}"


class Supplier(models.Model):
    name = models.CharField(max_length=100)
    best = models.ForeignKey(Product, models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return self.name


class Ticket(models.Model):
    """Its number comes from a sequence of the old sort, made by SQL."""

    number = models.IntegerField(db_default=0)
    title = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.title
