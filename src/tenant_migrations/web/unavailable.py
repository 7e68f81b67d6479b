"""The answer 503 to a tenant's visitors: a page, or JSON where that was asked for.

The page is the template ``tenant_migrations/unavailable.html``, rendered without context
processors, so that it needs no database; a project overrides it under that name. No answer says
what is missing.
"""

import logging
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import Context, Engine, TemplateDoesNotExist
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers, patch_vary_headers

from tenant_migrations import conf
from tenant_migrations.logs import event

logger = logging.getLogger("tenant_migrations.web")

TEMPLATE = "tenant_migrations/unavailable.html"
OWN_TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

HTML, JSON, PROBLEM = "text/html", "application/json", "application/problem+json"

MIGRATION, MAINTENANCE = "migration", "maintenance"
"""Why: the template and the JSON document are told."""

TITLES = {
    MIGRATION: "This page is not available right now",
    MAINTENANCE: "Down for maintenance",
}
DETAILS = {
    MIGRATION: "It is being brought up to date. Other pages go on working; please try again soon.",
    MAINTENANCE: "Work is being done here. Please try again soon.",
}


def unavailable(request: HttpRequest, why: str) -> HttpResponse:
    """503 with ``Retry-After``, never cached, in the form that the request prefers."""
    seconds = conf.get().GUARD_RETRY_SECONDS
    wanted = _wanted(request)
    response: HttpResponse
    if wanted == HTML:
        response = HttpResponse(_page(request, why, seconds))
    else:
        response = JsonResponse(_document(why, seconds, problem=wanted == PROBLEM))
        response["Content-Type"] = wanted
    response.status_code = 503
    response["Retry-After"] = str(seconds)
    add_never_cache_headers(response)
    patch_vary_headers(response, ["Accept"])
    # Incidents are logged once; Django would log, and mail to the admins, every answer.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _wanted(request: HttpRequest) -> str:
    if "Accept" not in request.headers or request.headers["Accept"] == "*/*":
        return JSON if (request.content_type or "").endswith("json") else HTML
    return request.get_preferred_type([HTML, JSON, PROBLEM]) or HTML


def _document(why: str, seconds: int, *, problem: bool) -> dict[str, Any]:
    if problem:  # RFC 9457
        return {
            "type": "about:blank",
            "title": TITLES[why],
            "status": 503,
            "detail": DETAILS[why],
            "retry_after": seconds,
        }
    return {"status": 503, "error": why, "detail": DETAILS[why], "retry_after": seconds}


def _page(request: HttpRequest, why: str, seconds: int) -> str:
    context = {
        "why": why,
        "title": TITLES[why],
        "detail": DETAILS[why],
        "retry_after": seconds,
        "tenant": getattr(request, "tenant", None),
        "path": request.get_full_path() if request.method in ("GET", "HEAD") else "",
    }
    try:
        return render_to_string(TEMPLATE, context)
    except Exception as error:
        # A project's own page that fails must not make this answer fail too.
        if not isinstance(error, TemplateDoesNotExist):
            event(logger, logging.ERROR, "page_not_rendered", template=TEMPLATE, error=str(error))
        own = Engine(dirs=[str(OWN_TEMPLATES)], autoescape=True)
        return own.get_template(TEMPLATE).render(Context(context))
