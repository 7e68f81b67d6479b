from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class Department(models.Model):
    name = models.CharField(max_length=100)
    code = models.CharField(max_length=12, unique=True)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    head = models.ForeignKey(
        "Employee", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    cost_center = models.CharField(max_length=20, null=True, blank=True)  # noqa: DJ001

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Position(models.Model):
    """A job that exists in a department, whether or not somebody has it."""

    title = models.CharField(max_length=120)
    department = models.ForeignKey(Department, on_delete=models.PROTECT, related_name="positions")
    level = models.PositiveSmallIntegerField(default=1, db_default=1)
    salary_min = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    salary_max = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering = ["department", "title"]
        constraints = [
            models.UniqueConstraint(
                fields=["department", "title", "level"], name="position_once_per_department"
            ),
            models.CheckConstraint(
                condition=Q(salary_max__gte=F("salary_min")), name="position_salary_range"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Employee(models.Model):
    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        ON_LEAVE = "on_leave", "On leave"
        LEFT = "left", "Left"

    class Contract(models.TextChoices):
        PERMANENT = "permanent", "Permanent"
        FIXED_TERM = "fixed_term", "Fixed term"
        CONTRACTOR = "contractor", "Contractor"

    number = models.CharField(max_length=16, unique=True)
    profile = models.OneToOneField(
        "accounts.Profile",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="employee",
    )
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80)
    work_email = models.EmailField(max_length=254, blank=True)
    position = models.ForeignKey(
        Position, on_delete=models.PROTECT, null=True, blank=True, related_name="employees"
    )
    department = models.ForeignKey(Department, on_delete=models.PROTECT, related_name="employees")
    manager = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="reports"
    )
    hired_from = models.OneToOneField(
        "ats.Application", on_delete=models.SET_NULL, null=True, blank=True, related_name="hire"
    )
    contract = models.CharField(max_length=12, choices=Contract, default=Contract.PERMANENT)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    hired_on = models.DateField()
    left_on = models.DateField(null=True, blank=True)
    weekly_hours = models.DecimalField(max_digits=4, decimal_places=1, default=40)
    annual_salary = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering = ["last_name", "first_name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(left_on__isnull=True) | Q(left_on__gte=F("hired_on")),
                name="employee_leaves_after_hire",
            ),
            models.UniqueConstraint(
                fields=["work_email"], condition=~Q(work_email=""), name="employee_work_email_once"
            ),
        ]
        indexes = [
            models.Index(fields=["last_name", "first_name"], name="employee_name_idx"),
            models.Index(fields=["status", "hired_on"], name="employee_status_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"


class Holiday(models.Model):
    """A day on which the company does not work."""

    date = models.DateField()
    name = models.CharField(max_length=80)
    departments = models.ManyToManyField(Department, blank=True, related_name="holidays")

    class Meta:
        ordering = ["date"]
        constraints = [models.UniqueConstraint(fields=["date", "name"], name="holiday_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.date})"


class TimeOffType(models.Model):
    name = models.CharField(max_length=60)
    code = models.CharField(max_length=20, unique=True)
    is_paid = models.BooleanField(default=True)
    annual_days = models.DecimalField(max_digits=5, decimal_places=2, default=0)

    class Meta:
        ordering = ["name"]
        verbose_name = "time-off type"

    def __str__(self) -> str:
        return self.name


class TimeOffBalance(models.Model):
    """How many days of one kind an employee has in a year; what remains the database computes."""

    employee = models.ForeignKey(Employee, on_delete=models.CASCADE, related_name="balances")
    type = models.ForeignKey(TimeOffType, on_delete=models.PROTECT, related_name="balances")
    year = models.PositiveSmallIntegerField()
    entitled_days = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    used_days = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    remaining_days = models.GeneratedField(
        expression=F("entitled_days") - F("used_days"),
        output_field=models.DecimalField(max_digits=6, decimal_places=2),
        db_persist=True,
    )

    class Meta:
        verbose_name = "time-off balance"
        constraints = [
            models.UniqueConstraint(
                fields=["employee", "type", "year"], name="balance_once_per_year"
            )
        ]

    def __str__(self) -> str:
        return f"{self.employee}: {self.type} {self.year}"


class TimeOffRequest(models.Model):
    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"
        CANCELLED = "cancelled", "Cancelled"

    employee = models.ForeignKey(Employee, on_delete=models.CASCADE, related_name="time_off")
    type = models.ForeignKey(TimeOffType, on_delete=models.PROTECT, related_name="requests")
    starts_on = models.DateField()
    ends_on = models.DateField()
    days = models.DecimalField(max_digits=5, decimal_places=2)
    reason = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    decided_by = models.ForeignKey(
        Employee, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    requested_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-starts_on"]
        verbose_name = "time-off request"
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on")), name="time_off_ends_after_start"
            ),
            models.CheckConstraint(condition=Q(days__gt=0), name="time_off_some_days"),
        ]
        indexes = [
            models.Index(fields=["starts_on", "ends_on"], name="time_off_dates_idx"),
            models.Index(fields=["employee", "status"], name="time_off_status_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.employee}: {self.type} from {self.starts_on}"


class EmployeeNote(models.Model):
    """Something on record about an employee, by whoever wrote it."""

    employee = models.ForeignKey(Employee, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(
        "accounts.Profile", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Note on {self.employee}"
