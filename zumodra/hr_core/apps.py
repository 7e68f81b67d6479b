from django.apps import AppConfig


class HrCoreConfig(AppConfig):
    """Employees, departments and time off. Tenant schemas."""

    name = "zumodra.hr_core"
    label = "hr_core"
    verbose_name = "People"
