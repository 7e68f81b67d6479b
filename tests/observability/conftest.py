"""Fixtures of alerts and reports."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from tenant_migrations.observability.alerts import delivery
from tests.support.receivers import Received, http_receiver


@pytest.fixture
def receiver() -> Iterator[Received]:
    """A webhook."""
    with http_receiver() as received:
        yield received


@pytest.fixture
def alert_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set who is told, and other settings of alerts; a second try is not waited for."""
    monkeypatch.setattr(delivery, "PAUSES_SECONDS", (0.01, 0.02))
    stack: list[Any] = []

    def set_to(urls: Any, **more: Any) -> None:
        changed = override_settings(
            TENANT_MIGRATIONS={
                **settings.TENANT_MIGRATIONS,
                "ALERT_URLS": urls,
                "ALERT_SOURCE": "fleet",
                "ALERT_TIMEOUT_SECONDS": 5,
                "ALERT_STATE_DIR": str(tmp_path),
                **more,
            }
        )
        changed.enable()
        stack.append(changed)

    yield set_to
    for changed in reversed(stack):
        changed.disable()
