from django.apps import AppConfig


class AtsConfig(AppConfig):
    """Jobs, candidates and their way through hiring. Tenant schemas."""

    name = "zumodra.ats"
    label = "ats"
    verbose_name = "Applicant tracking"
