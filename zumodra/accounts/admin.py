# Django's admin classes take type arguments in its stubs only, not at run time.
# mypy: disable-error-code="type-arg"
from django.contrib import admin

from zumodra.accounts.models import (
    Invitation,
    NotificationPreference,
    Profile,
    Skill,
    Team,
    TeamMembership,
)

admin.site.register([Skill])


class NotificationPreferenceInline(admin.TabularInline):
    model = NotificationPreference
    extra = 0


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin):
    list_display = ["user", "job_title", "role", "is_active", "last_seen_at"]
    list_filter = ["role", "is_active"]
    list_select_related = ["user"]
    search_fields = ["user__email", "user__full_name", "job_title"]
    readonly_fields = ["uuid", "user", "last_seen_at", "created_at"]
    filter_horizontal = ["groups", "skills"]
    inlines = [NotificationPreferenceInline]

    def has_add_permission(self, request: object) -> bool:
        return False


class TeamMembershipInline(admin.TabularInline):
    model = TeamMembership
    extra = 1
    autocomplete_fields = ["profile"]


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ["name", "parent", "lead"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [TeamMembershipInline]


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):
    list_display = ["email", "role", "team", "status", "expires_at"]
    list_filter = ["status", "role"]
    search_fields = ["email"]
    readonly_fields = ["invited_by", "accepted_at", "created_at"]

    def has_add_permission(self, request: object) -> bool:
        return False
