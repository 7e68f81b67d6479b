# Django's admin classes take type arguments in its stubs only, not at run time.
# mypy: disable-error-code="type-arg"
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from zumodra.ats.models import (
    Application,
    Candidate,
    CandidateTag,
    Interview,
    InterviewFeedback,
    Job,
    JobCategory,
    Note,
    Offer,
    Pipeline,
    PipelineStage,
    StageChange,
    Tag,
)

admin.site.register([JobCategory, Tag])


class PipelineStageInline(admin.TabularInline):
    model = PipelineStage
    extra = 1


@admin.register(Pipeline)
class PipelineAdmin(admin.ModelAdmin):
    list_display = ["name", "is_default"]
    inlines = [PipelineStageInline]


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    list_display = ["reference", "title", "department", "status", "headcount", "closes_on"]
    list_filter = ["status", "employment", "is_remote", "category"]
    list_select_related = ["department"]
    search_fields = ["reference", "title"]
    raw_id_fields = ["hiring_manager"]
    readonly_fields = ["uuid", "created_at"]


class CandidateTagInline(admin.TabularInline):
    model = CandidateTag
    extra = 1


@admin.register(Candidate)
class CandidateAdmin(admin.ModelAdmin):
    list_display = ["full_name", "email", "headline", "source", "consent_until"]
    list_filter = ["source", "tags"]
    search_fields = ["full_name", "email"]
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    readonly_fields = ["uuid", "full_name", "created_at"]
    inlines = [CandidateTagInline]


class StageChangeInline(admin.TabularInline):
    model = StageChange
    extra = 0
    can_delete = False
    readonly_fields = ["from_stage", "to_stage", "changed_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Application)
class ApplicationAdmin(admin.ModelAdmin):
    list_display = ["candidate", "job", "stage", "rating", "applied_at"]
    list_filter = ["stage", "job"]
    list_select_related = ["candidate", "job", "stage"]
    search_fields = ["candidate__full_name", "job__title"]
    autocomplete_fields = ["candidate", "job", "owner"]
    inlines = [StageChangeInline]


class InterviewFeedbackInline(admin.TabularInline):
    model = InterviewFeedback
    extra = 0
    autocomplete_fields = ["author"]


@admin.register(Interview)
class InterviewAdmin(admin.ModelAdmin):
    list_display = ["application", "kind", "starts_at", "minutes", "status"]
    list_filter = ["status", "kind"]
    date_hierarchy = "starts_at"
    autocomplete_fields = ["application", "interviewers"]
    inlines = [InterviewFeedbackInline]


@admin.register(Offer)
class OfferAdmin(admin.ModelAdmin):
    list_display = ["application", "status", "annual_salary", "currency", "expires_on"]
    list_filter = ["status"]
    autocomplete_fields = ["application"]
    raw_id_fields = ["created_by"]


@admin.register(Note)
class NoteAdmin(admin.ModelAdmin):
    list_display = ["candidate", "author", "is_private", "created_at"]
    search_fields = ["candidate__full_name", "body"]
    autocomplete_fields = ["candidate", "application"]
    raw_id_fields = ["author"]
