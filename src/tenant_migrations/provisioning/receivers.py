"""Django's signals around migrations, with its own two receivers apart from everybody else's.

What ``contenttypes`` and ``auth`` do on ``post_migrate`` depends on the code alone and costs most
of a new tenant's time: it is done once, and the rows are kept. All other receivers are called for
each tenant. As in Django's ``migrate``, translations are switched off meanwhile.
"""

from collections.abc import Callable
from copy import copy
from typing import Any

from asgiref.sync import async_to_sync
from django.apps import apps
from django.apps.registry import Apps
from django.db.migrations import Migration
from django.db.migrations.state import ModelState
from django.db.models.signals import post_migrate, pre_migrate
from django.dispatch import Signal
from django.utils.translation import override

from tenant_migrations.fleet.graph import Code

REGISTERING = frozenset(
    {
        "django.contrib.contenttypes.management.create_contenttypes",
        "django.contrib.auth.management.create_permissions",
    }
)
"""Receivers whose rows are the same in every schema of a kind."""


def registering(alias: str, code: Code) -> None:
    """Have Django's own receivers of ``post_migrate`` make content types and permissions.

    They are given the models of the migrations' state, as ``migrate`` gives them, so that rows
    come in the same order.
    """
    _call(post_migrate, alias, [], lambda name: name in REGISTERING, _state_apps(code))


def before_migrations(alias: str, code: Code) -> None:
    """``pre_migrate``, to every app, as before all migrations of an empty schema."""
    _call(pre_migrate, alias, _plan(code), lambda name: True)


def after_migrations(alias: str, code: Code) -> None:
    """``post_migrate``, to every app, but not to the receivers of ``registering``."""
    _call(post_migrate, alias, _plan(code), lambda name: name not in REGISTERING)


def registered() -> list[Any]:
    """What the rows of ``registering`` follow from: its receivers, models and permissions."""
    with override(None):
        models = [
            [
                model._meta.label_lower,
                str(model._meta.verbose_name_raw),
                list(model._meta.default_permissions),
                [[codename, str(name)] for codename, name in model._meta.permissions],
            ]
            for config in apps.get_app_configs()
            if config.models_module
            for model in config.get_models()
        ]
    senders = apps.get_app_configs()
    receivers = {_name(receiver) for sender in senders for receiver in _receivers(sender)}
    return [sorted(receivers & REGISTERING), models]


def _call(
    signal: Signal,
    alias: str,
    plan: list[tuple[Migration, bool]],
    is_wanted: Callable[[str], bool],
    models: Apps = apps,
) -> None:
    with override(None):
        for config in apps.get_app_configs():
            if config.models_module is None:
                continue
            for receiver in _receivers(config, signal):
                if is_wanted(_name(receiver)):
                    receiver(
                        signal=signal,
                        sender=config,
                        app_config=config,
                        verbosity=0,
                        interactive=False,
                        using=alias,
                        apps=models,
                        plan=plan,
                    )


def _state_apps(code: Code) -> Apps:
    """The models after all migrations, those of apps without migrations rendered anew with them."""
    state = code.loader.project_state()
    state_apps = state.apps
    with state_apps.bulk_update():
        keys = [(model.app_label, model.name_lower) for model in state_apps.real_models]
        for key in keys:
            state_apps.unregister_model(*key)
    state_apps.render_multiple([ModelState.from_model(apps.get_model(*key)) for key in keys])
    return state_apps


def _receivers(sender: object, signal: Signal = post_migrate) -> list[Callable[..., Any]]:
    """Those that are connected, the asynchronous ones last, as ``Signal.send`` calls them."""
    directly, awaited = signal._live_receivers(sender)
    return [*directly, *map(async_to_sync, awaited)]


def _name(receiver: Callable[..., Any]) -> str:
    return f"{getattr(receiver, '__module__', '')}.{getattr(receiver, '__qualname__', '')}"


def _plan(code: Code) -> list[tuple[Migration, bool]]:
    """Every migration, as ``migrate`` passes them; copies, as receivers may add operations."""
    plan = []
    for key in code.full_plan:
        migration = copy(code.migration(key))
        vars(migration)["operations"] = list(migration.operations)
        plan.append((migration, False))
    return plan
