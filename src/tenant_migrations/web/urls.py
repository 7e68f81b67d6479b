"""Pages for the public host: ``path("", include("tenant_migrations.web.urls"))``."""

from django.urls import path

from tenant_migrations.web.metrics import metrics

app_name = "tenant_migrations"
urlpatterns = [
    path("metrics", metrics, name="metrics"),
]
