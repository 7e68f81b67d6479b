"""Visits a tenant's page in this process, with and without the guard: ``HOST ROUNDS``.

CPU time is what is told: the guard sends no statement, so that there is nothing to wait for.
"""

import gc
import json
import os
import sys
import time
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory, override_settings

REQUESTS = 100
WARM_UP = 50
PATH = "/sign-in/"
GUARD = "tenant_migrations.web.guard.TenantGuardMiddleware"


def main(host: str, rounds: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zumodra.settings")
    django.setup()
    from django.conf import settings  # noqa: PLC0415 - it is set up now
    from django.db import connection  # noqa: PLC0415

    # Connecting anew would cost each request more than all the rest.
    connection.settings_dict["CONN_MAX_AGE"] = None

    without = [name for name in settings.MIDDLEWARE if name != GUARD]
    assert len(without) == len(settings.MIDDLEWARE) - 1
    handlers = {"with": WSGIHandler()}
    with override_settings(MIDDLEWARE=without):
        handlers["without"] = WSGIHandler()
    environ = RequestFactory(headers={"host": host}).get(PATH).environ
    for handler in handlers.values():
        visit(handler, environ, WARM_UP)
    seconds: dict[str, list[float]] = {name: [] for name in handlers}
    for number in range(rounds):
        # Whoever goes first meets a colder machine.
        names = list(handlers) if number % 2 else list(reversed(handlers))
        for name in names:
            gc.collect()
            began = time.process_time()
            visit(handlers[name], environ, REQUESTS)
            seconds[name].append(time.process_time() - began)
    print(json.dumps({"requests_per_round": REQUESTS, "seconds": seconds}))


def visit(handler: WSGIHandler, environ: dict[str, Any], times: int) -> None:
    """Requests as a server makes them, their answers read and closed."""

    def start(status: str, headers: Any, *_: Any) -> None:
        assert status == "200 OK", status

    for _ in range(times):
        answer = handler(dict(environ), start)
        for _piece in answer:
            pass
        answer.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
