"""The platform as a project whose Celery app is tenant-schemas-celery's."""

from tests.tenant_aware_project.queue import app

__all__ = ["app"]
