"""The system check of views that nothing protects."""

import pytest
from django.conf import settings
from django.core import checks
from django.test import override_settings

from tenant_migrations.checks import TAG
from tests.support.fleets import CHECKOUT

GUARD = "tenant_migrations.web.guard.TenantGuardMiddleware"
WITHOUT = [name for name in settings.MIDDLEWARE if name != GUARD]


def found() -> dict[str, list[str]]:
    by_id: dict[str, list[str]] = {}
    for message in checks.run_checks(tags=[TAG]):
        by_id.setdefault(str(message.id), []).append(str(message.obj or message.msg))
    return by_id


def test_with_the_guard_every_view_is_protected() -> None:
    assert found() == {}


@override_settings(MIDDLEWARE=WITHOUT)
def test_without_it_views_that_do_not_degrade_are_named() -> None:
    named = found()["tenant_migrations.W004"]
    assert "django.contrib.auth.views.LoginView" in named
    assert not [view for view in named if view.startswith("zumodra.finance")]
    assert len(named) == len(set(named))


@override_settings(MIDDLEWARE=WITHOUT, ROOT_URLCONF="tests.web.tenant_urls")
def test_functions_say_so_of_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.web import tenant_urls

    assert "tests.web.tenant_urls.by_hand" not in found()["tenant_migrations.W004"]
    assert "tests.web.tenant_urls.plain" in found()["tenant_migrations.W004"]
    assert "tests.web.tenant_urls.Exported" in found()["tenant_migrations.W004"]
    assert tenant_urls.by_hand.__name__ == "by_hand"


@override_settings(MIDDLEWARE=[GUARD, *WITHOUT])
def test_the_guard_in_the_wrong_place() -> None:
    assert [*found()] == ["tenant_migrations.W003"]


def test_the_documents_name_the_check() -> None:
    assert f"--tag {TAG}" in (CHECKOUT / "docs/web.md").read_text()
