"""Pages on the public host."""

from django.urls import include, path
from django.views.generic import TemplateView

from zumodra.admin_sites import public_site

urlpatterns = [
    path("", TemplateView.as_view(template_name="landing.html"), name="landing"),
    path("admin/", public_site.urls),
    path("", include("tenant_migrations.web.urls")),
]
