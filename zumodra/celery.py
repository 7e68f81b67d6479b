"""The Celery application of the platform: ``celery --app zumodra worker``.

Its settings are those of Django that begin with ``CELERY_``.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zumodra.settings")

app = Celery("zumodra")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["tenant_migrations.contrib"], related_name="celery")
