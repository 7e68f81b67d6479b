# Django's admin classes take type arguments in its stubs only, not at run time.
# mypy: disable-error-code="type-arg"
from django.contrib import admin

from zumodra.hr_core.models import (
    Department,
    Employee,
    EmployeeNote,
    Holiday,
    Position,
    TimeOffBalance,
    TimeOffRequest,
    TimeOffType,
)


@admin.register(Department)
class DepartmentAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "parent", "head", "cost_center"]
    search_fields = ["name", "code"]
    autocomplete_fields = ["parent", "head"]


@admin.register(Position)
class PositionAdmin(admin.ModelAdmin):
    list_display = ["title", "department", "level", "salary_min", "salary_max"]
    list_filter = ["department", "level"]
    search_fields = ["title"]


class TimeOffBalanceInline(admin.TabularInline):
    model = TimeOffBalance
    extra = 0
    readonly_fields = ["remaining_days"]


class EmployeeNoteInline(admin.StackedInline):
    model = EmployeeNote
    extra = 0
    autocomplete_fields = ["author"]


@admin.register(Employee)
class EmployeeAdmin(admin.ModelAdmin):
    list_display = ["number", "last_name", "first_name", "department", "position", "status"]
    list_filter = ["status", "contract", "department"]
    list_select_related = ["department", "position"]
    search_fields = ["number", "first_name", "last_name", "work_email"]
    autocomplete_fields = ["profile", "department", "position", "manager", "hired_from"]
    inlines = [TimeOffBalanceInline, EmployeeNoteInline]


@admin.register(Holiday)
class HolidayAdmin(admin.ModelAdmin):
    list_display = ["date", "name"]
    filter_horizontal = ["departments"]


@admin.register(TimeOffType)
class TimeOffTypeAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "is_paid", "annual_days"]


@admin.register(TimeOffRequest)
class TimeOffRequestAdmin(admin.ModelAdmin):
    list_display = ["employee", "type", "starts_on", "ends_on", "days", "status"]
    list_filter = ["status", "type"]
    list_select_related = ["employee", "type"]
    date_hierarchy = "starts_on"
    autocomplete_fields = ["employee", "decided_by"]
