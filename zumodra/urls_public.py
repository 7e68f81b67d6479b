"""Pages on the public host."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.generic import TemplateView

from zumodra.admin_sites import public_site

urlpatterns = [
    path("", TemplateView.as_view(template_name="landing.html"), name="landing"),
    path(
        "sign-in/",
        LoginView.as_view(
            template_name="sign_in.html",
            redirect_authenticated_user=True,
            next_page="tenant_migrations:overview",
        ),
        name="sign-in",
    ),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("admin/", public_site.urls),
    path("", include("tenant_migrations.web.urls")),
]
