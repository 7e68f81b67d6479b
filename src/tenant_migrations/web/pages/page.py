"""What all fleet pages share: who may see them, their headers, and how they are drawn."""

from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from tenant_migrations.database import public_schema, sqlstate, tenant_connection
from tenant_migrations.fleet.findings import VERIFY
from tenant_migrations.web.rights import VIEW, may

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy of every fleet page: nothing inline, nothing from elsewhere."""

ACTIONS = {
    "verify": "verify_fleet",
    "heal": "heal_fleet",
    "release": "release_quarantine",
    "maintenance-on": "set_maintenance",
    "maintenance-off": "set_maintenance",
    "look-in": "set_maintenance",
    "plan-rollback": "rollback_fleet",
    "rollback": "rollback_fleet",
}
"""What pages can have done, and the permission that it needs."""

NOT_AT_THE_CODE = ("42P01", "42703")
BEHIND = f"The app's own tables are not at the code; on the command line: {VERIFY} --fix"

View = Callable[..., HttpResponse]


def fleet_page(view: View) -> View:
    """A page of the public host for staff with the permission ``view_fleet``.

    Who is not signed in is sent to ``LOGIN_URL``; who lacks the permission gets 403 and no data.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        connection: Any = tenant_connection()
        if connection.schema_name != public_schema():
            raise Http404
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not may(request, VIEW):
            raise PermissionDenied
        try:
            response = view(request, *args, **kwargs)
        except DatabaseError as error:
            if sqlstate(error) not in NOT_AT_THE_CODE:
                raise
            context = {"section": "", "problem": BEHIND, "back": request.path}
            response = draw(request, "refused", context, status=503)
        response["Content-Security-Policy"] = POLICY
        response["X-Frame-Options"] = "DENY"
        response["Referrer-Policy"] = "same-origin"
        response["X-Content-Type-Options"] = "nosniff"
        add_never_cache_headers(response)
        return response

    return guarded


def draw(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A page, or with ``?part=`` only the part of it that is asked for."""
    context |= {
        "allowed": {
            action.replace("-", "_") for action, needed in ACTIONS.items() if may(request, needed)
        },
        "htmx": has_htmx(),
    }
    return render(request, f"tenant_migrations/fleet/{template}.html", context, status=status)


def has_htmx() -> bool:
    """Whether django-htmx, whose htmx the pages use, is installed as package and as app."""
    return find_spec("django_htmx") is not None and apps.is_installed("django_htmx")


def number(text: str | None, default: int, most: int = 10**9) -> int:
    """A number from an address, whatever stands there."""
    if text and text.isascii() and text.isdigit():
        return min(int(text[:10]), most)
    return default
