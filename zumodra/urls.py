"""Pages on a tenant's own hosts."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView, PasswordResetConfirmView
from django.urls import include, path, reverse_lazy
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="finance:dashboard"), name="home"),
    path(
        "sign-in/",
        LoginView.as_view(template_name="sign_in.html", redirect_authenticated_user=True),
        name="sign-in",
    ),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path(
        "set-password/<uidb64>/<token>/",
        PasswordResetConfirmView.as_view(
            template_name="set_password.html", success_url=reverse_lazy("sign-in")
        ),
        name="set-password",
    ),
    path("finance/", include("zumodra.finance.urls")),
    path("admin/", admin.site.urls),
]
