"""Links into a tenant's host, for use outside of a request."""

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from zumodra.custom_account_u.models import User


def site_url(domain: str, path: str = "/") -> str:
    """The address of `path` on `domain`."""
    port = f":{settings.SITE_PORT}" if settings.SITE_PORT else ""
    return f"{settings.SITE_SCHEME}://{domain}{port}{path}"


def set_password_url(user: User, domain: str) -> str:
    """Where `user` sets a password: good once, and for ``PASSWORD_RESET_TIMEOUT`` seconds."""
    arguments = {
        "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
        "token": default_token_generator.make_token(user),
    }
    return site_url(domain, reverse("set-password", settings.ROOT_URLCONF, kwargs=arguments))
