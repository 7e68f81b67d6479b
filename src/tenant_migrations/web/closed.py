"""Which tenants are under maintenance, as this process knows it, and who may look in all the same.

The marks are read with one statement at most every ``SECONDS``, whatever the number of requests and
tenants. A platform administrator looks in with a signed link (``link_in``) that turns into a
cookie of that host; neither signs anybody in.
"""

import logging
import time
from collections.abc import Mapping
from threading import Lock
from urllib.parse import urlencode

from django.core import signing
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from tenant_migrations.database import one_line
from tenant_migrations.logs import event
from tenant_migrations.maintenance import marks
from tenant_migrations.models import Maintenance
from tenant_migrations.web.unavailable import MAINTENANCE, unavailable

logger = logging.getLogger("tenant_migrations.web")

SECONDS = 2.0
"""How old what this process knows may be."""

COOKIE = PARAMETER = "tenant_migrations_look_in"
SALT = "tenant_migrations.web.closed"
LOOK_IN_SECONDS = 15 * 60
"""How long a link, and the look in that it opens, may be used."""


class _Marks:
    """The marks as they were read last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._marks: Mapping[str, Maintenance] = {}
        self._until = 0.0

    def is_stale(self) -> bool:
        return time.monotonic() >= self._until

    def get(self, schema_name: str) -> Maintenance | None:
        if self.is_stale() and self._lock.acquire(blocking=False):
            try:
                self._marks = marks()
            except Error as error:
                # Without an answer it is as before: the guard must not be what fails.
                event(logger, logging.DEBUG, "maintenance_not_read", why=one_line(error))
            finally:
                self._until = time.monotonic() + SECONDS
                self._lock.release()
        mark = self._marks.get(schema_name)
        return mark if mark is not None and mark.until > timezone.now() else None

    def forget(self) -> None:
        """Read them anew the next time."""
        self._marks, self._until = {}, 0.0


known_marks = _Marks()


def closed(request: HttpRequest, schema_name: str) -> HttpResponse | None:
    """The answer to a request of a tenant under maintenance; ``None`` where it may go on."""
    if known_marks.get(schema_name) is None:
        return None
    if token := request.GET.get(PARAMETER, ""):
        return _let_in(request, schema_name, token)
    if _is_good(request.COOKIES.get(COOKIE, ""), schema_name):
        return None
    return unavailable(request, MAINTENANCE)


def link_in(schema_name: str) -> str:
    """The query of an address that lets its opener look in, for ``LOOK_IN_SECONDS``."""
    return "?" + urlencode({PARAMETER: signing.dumps(schema_name, salt=SALT)})


def _let_in(request: HttpRequest, schema_name: str, token: str) -> HttpResponse:
    """Keep the token in a cookie, and out of the address."""
    if not _is_good(token, schema_name):
        return unavailable(request, MAINTENANCE)
    query = request.GET.copy()
    del query[PARAMETER]
    # A path that begins with two slashes would lead to another host.
    path = "/" + request.path.lstrip("/")
    response = HttpResponseRedirect(f"{path}?{query.urlencode()}" if query else path)
    response.set_cookie(
        COOKIE,
        token,
        max_age=LOOK_IN_SECONDS,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


def _is_good(token: str, schema_name: str) -> bool:
    try:
        return bool(signing.loads(token, salt=SALT, max_age=LOOK_IN_SECONDS) == schema_name)
    except signing.BadSignature:
        return False
