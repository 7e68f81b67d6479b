"""Jobs and the people who apply for them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat
from django.utils import timezone


class Pipeline(models.Model):
    """The stages that applications for a job go through."""

    name = models.CharField(max_length=80, unique=True)
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="pipeline_one_default"
            )
        ]

    def __str__(self) -> str:
        return self.name


class PipelineStage(models.Model):
    class Kind(models.TextChoices):
        OPEN = "open", "Open"
        HIRED = "hired", "Hired"
        REJECTED = "rejected", "Rejected"

    pipeline = models.ForeignKey(Pipeline, on_delete=models.CASCADE, related_name="stages")
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.OPEN)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["pipeline", "position"]
        constraints = [
            # Deferred, so that two stages can change places in one transaction.
            models.UniqueConstraint(
                fields=["pipeline", "position"],
                name="stage_position_once",
                deferrable=models.Deferrable.DEFERRED,
            )
        ]

    def __str__(self) -> str:
        return self.name


class JobCategory(models.Model):
    name = models.CharField(max_length=80, unique=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "job categories"

    def __str__(self) -> str:
        return self.name


class Job(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        OPEN = "open", "Open"
        ON_HOLD = "on_hold", "On hold"
        CLOSED = "closed", "Closed"

    class Employment(models.TextChoices):
        FULL_TIME = "full_time", "Full time"
        PART_TIME = "part_time", "Part time"
        CONTRACT = "contract", "Contract"
        INTERNSHIP = "internship", "Internship"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reference = models.CharField(max_length=20, unique=True)
    title = models.CharField(max_length=150)
    description = models.TextField(blank=True)
    category = models.ForeignKey(
        JobCategory, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs"
    )
    department = models.ForeignKey(
        "hr_core.Department", on_delete=models.PROTECT, null=True, blank=True, related_name="jobs"
    )
    pipeline = models.ForeignKey(Pipeline, on_delete=models.PROTECT, related_name="jobs")
    hiring_manager = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    location = models.CharField(max_length=120, blank=True)
    is_remote = models.BooleanField(default=False)
    employment = models.CharField(max_length=12, choices=Employment, default=Employment.FULL_TIME)
    headcount = models.PositiveSmallIntegerField(default=1, db_default=1)
    salary_min = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    salary_max = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, default="EUR")
    published_at = models.DateTimeField(null=True, blank=True)
    closes_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(salary_max__gte=F("salary_min")), name="job_salary_range"
            )
        ]
        indexes = [models.Index(fields=["status", "-published_at"], name="job_published_idx")]

    def __str__(self) -> str:
        return self.title


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Candidate(models.Model):
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80)
    full_name = models.GeneratedField(
        expression=Concat("first_name", Value(" "), "last_name"),
        output_field=models.CharField(max_length=161),
        db_persist=True,
    )
    email = models.EmailField(max_length=254)
    phone = models.CharField(max_length=32, blank=True)
    headline = models.CharField(max_length=160, blank=True)
    profile_url = models.URLField(max_length=300, blank=True)
    source = models.CharField(max_length=40, default="website")
    resume_text = models.TextField(blank=True)
    tags = models.ManyToManyField(Tag, through="CandidateTag", related_name="candidates")
    consent_until = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["last_name", "first_name"]
        constraints = [models.UniqueConstraint(fields=["email"], name="candidate_email_once")]
        indexes = [
            models.Index(fields=["last_name", "first_name"], name="candidate_name_idx"),
            models.Index(fields=["source", "-created_at"], name="candidate_source_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"


class CandidateTag(models.Model):
    candidate = models.ForeignKey(Candidate, on_delete=models.CASCADE)
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE)
    added_on = models.DateField(default=timezone.localdate)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["candidate", "tag"], name="candidate_tag_once")
        ]

    def __str__(self) -> str:
        return f"{self.candidate}: {self.tag}"


class Application(models.Model):
    """A candidate's interest in one job."""

    candidate = models.ForeignKey(Candidate, on_delete=models.CASCADE, related_name="applications")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="applications")
    stage = models.ForeignKey(PipelineStage, on_delete=models.PROTECT, related_name="applications")
    owner = models.ForeignKey(
        "accounts.Profile",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="applications",
    )
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    cover_letter = models.TextField(blank=True)
    rejection_reason = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    applied_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-applied_at"]
        constraints = [
            models.UniqueConstraint(fields=["candidate", "job"], name="application_once_per_job"),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__range=(1, 5)),
                name="application_rating_range",
            ),
        ]
        indexes = [
            models.Index(fields=["job", "stage"], name="application_board_idx"),
            models.Index(fields=["-applied_at"], name="application_newest_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.candidate} for {self.job}"


class StageChange(models.Model):
    """A move of an application to another stage; written by a trigger, never by hand."""

    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="stage_changes"
    )
    from_stage = models.ForeignKey(
        PipelineStage, on_delete=models.CASCADE, null=True, related_name="+"
    )
    to_stage = models.ForeignKey(PipelineStage, on_delete=models.CASCADE, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-changed_at"]
        indexes = [
            models.Index(fields=["application", "-changed_at"], name="stage_change_timeline_idx")
        ]

    def __str__(self) -> str:
        return f"{self.application}: to {self.to_stage}"


class Interview(models.Model):
    class Kind(models.TextChoices):
        PHONE = "phone", "By phone"
        VIDEO = "video", "By video"
        ON_SITE = "on_site", "On site"

    class Status(models.TextChoices):
        PLANNED = "planned", "Planned"
        HELD = "held", "Held"
        CANCELLED = "cancelled", "Cancelled"

    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="interviews"
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.VIDEO)
    status = models.CharField(max_length=10, choices=Status, default=Status.PLANNED)
    starts_at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField(default=45)
    location = models.CharField(max_length=200, blank=True)
    interviewers = models.ManyToManyField("accounts.Profile", related_name="interviews")

    class Meta:
        ordering = ["starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__range=(5, 480)), name="interview_sensible_length"
            )
        ]
        indexes = [
            models.Index(
                fields=["starts_at"], condition=Q(status="planned"), name="interview_planned_idx"
            )
        ]

    def __str__(self) -> str:
        return f"{self.application}, {self.starts_at:%Y-%m-%d %H:%M}"


class InterviewFeedback(models.Model):
    interview = models.ForeignKey(Interview, on_delete=models.CASCADE, related_name="feedback")
    author = models.ForeignKey(
        "accounts.Profile", on_delete=models.PROTECT, related_name="interview_feedback"
    )
    score = models.PositiveSmallIntegerField()
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "interview feedback"
        constraints = [
            models.UniqueConstraint(fields=["interview", "author"], name="feedback_once_each"),
            models.CheckConstraint(condition=Q(score__range=(1, 5)), name="feedback_score_range"),
        ]

    def __str__(self) -> str:
        return f"{self.author}: {self.score}/5"


class Offer(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SENT = "sent", "Sent"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="offers")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    annual_salary = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    starts_on = models.DateField(null=True, blank=True)
    expires_on = models.DateField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["application"],
                condition=Q(status__in=["draft", "sent"]),
                name="offer_one_open_per_application",
            ),
            models.CheckConstraint(condition=Q(annual_salary__gt=0), name="offer_salary_positive"),
        ]

    def __str__(self) -> str:
        return f"Offer to {self.application.candidate}"


class Note(models.Model):
    candidate = models.ForeignKey(Candidate, on_delete=models.CASCADE, related_name="notes")
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, null=True, blank=True, related_name="notes"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    body = models.TextField()
    is_private = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["candidate", "-created_at"], name="note_timeline_idx")]

    def __str__(self) -> str:
        return f"Note on {self.candidate}"
