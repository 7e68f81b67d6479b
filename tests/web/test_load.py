"""Visitors of all tenants while a rollout is at work on some of them."""

import itertools
import subprocess
import sys
import threading
import time

import pytest
from django.db import connection

from tenant_migrations import conf
from tests.support.fleets import CHECKOUT, Fleet
from tests.web.conftest import Host

VISITORS, VISITS = 10, 20


@pytest.mark.usefixtures("views")
def test_nobody_meets_500_and_untouched_tenants_do_not_wait(fleet: Fleet, host: Host) -> None:
    names = [f"more_{number}" for number in range(8)]
    for name in names:
        fleet.add_tenant(name, domain=f"{name.replace('_', '-')}.localhost")
    broken, untouched = names, ["alpha", "beta", "gamma", "delta"]
    for name in broken:
        fleet.drop_table(name, "finance_refund")
    answers: list[tuple[str, int, float]] = []

    def visit(mine: list[str]) -> None:
        try:
            for name in itertools.islice(itertools.cycle(mine), VISITS):
                began = time.monotonic()
                path = "/typo/?table=finance_refund"
                code = host(name.replace("_", "-")).get(path).status_code
                answers.append((name, code, time.monotonic() - began))
        finally:
            connection.close()

    command = [sys.executable, "manage.py", "verify_tenant_migrations", "--fix", "--no-input"]
    rollout = subprocess.Popen(
        command, cwd=CHECKOUT, env=fleet.environment(), stdout=subprocess.DEVNULL
    )
    everybody = [*broken, *untouched]
    visitors = [
        threading.Thread(target=visit, args=([*everybody[at:], *everybody[:at]],))
        for at in range(VISITORS)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert rollout.wait(120) == 0
    assert len(answers) == VISITORS * VISITS
    assert {code for name, code, _ in answers if name in untouched} == {200}
    assert {code for name, code, _ in answers if name in broken} <= {200, 503}
    lock_timeout = conf.get().LOCK_TIMEOUT_MS / 1000
    slowest = max(seconds for name, _, seconds in answers if name in untouched)
    assert slowest < lock_timeout + 3, "the rest is for a machine that is busy"
    assert host("more-0").get("/typo/?table=finance_refund").status_code == 200
