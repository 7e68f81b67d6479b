"""The metrics page: what Prometheus scrapes."""

import logging

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder

from tenant_migrations import conf
from tenant_migrations.database import one_line
from tenant_migrations.exceptions import TenantMigrationsError
from tenant_migrations.logs import event
from tenant_migrations.observability.metrics import gather
from tenant_migrations.observability.prometheus import registry_of
from tenant_migrations.web.rights import is_scraper

logger = logging.getLogger(__name__)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The fleet in numbers, as the newest recorded check found it; looks at no tenant.

    For who sends ``METRICS_TOKEN`` or asks from ``METRICS_NETWORKS``; 401 or 403 for all others.
    503 where the database gives no answer: Prometheus then marks its series stale. No answer but
    200 has a body, and none says what went wrong: the log does.
    """
    if not is_scraper(request):
        if conf.get().METRICS_TOKEN:
            return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
        return HttpResponse(status=403)
    try:
        registry = registry_of(gather())
    except (TenantMigrationsError, DatabaseError) as error:
        event(logger, logging.ERROR, "metrics_not_collected", error=one_line(error))
        return HttpResponse(status=503)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)
