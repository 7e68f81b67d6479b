"""Pages for the public host: ``path("", include("tenant_migrations.web.urls"))``."""

from django.urls import path

from tenant_migrations.web import health
from tenant_migrations.web.metrics import metrics
from tenant_migrations.web.pages import actions, overview, records, rollouts, tenants

app_name = "tenant_migrations"
urlpatterns = [
    path("metrics", metrics, name="metrics"),
    path("health/", health.health, name="health"),
    path("health/live/", health.live, name="live"),
    path("health/ready/", health.ready, name="ready"),
    path("migrations/", overview.overview, name="overview"),
    path("migrations/tenants/", tenants.tenants, name="tenants"),
    path("migrations/tenant/", tenants.tenant, name="tenant"),
    path("migrations/rollouts/", rollouts.rollouts, name="rollouts"),
    path("migrations/rollouts/<int:pk>/", rollouts.rollout, name="rollout"),
    path("migrations/incidents/", records.incidents, name="incidents"),
    path("migrations/quarantine/", records.quarantine, name="quarantine"),
    path("migrations/audit/", records.audit, name="audit"),
    path("migrations/audit/<int:pk>/", rollouts.action, name="action"),
    path("migrations/act/", actions.act, name="act"),
]
