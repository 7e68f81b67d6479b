"""Django's signals around the migrations of a new tenant.

What ``contenttypes`` and ``auth`` do on ``post_migrate`` depends on the code alone and costs most
of a new tenant's time: it is done once, and the rows are kept. All other receivers are called for
each tenant, or replaced as ``POST_MIGRATE`` says. As in Django's ``migrate``, translations are
switched off meanwhile.
"""

from copy import copy
from typing import Any

from django.apps import apps
from django.apps.registry import Apps
from django.db.migrations import Migration
from django.db.migrations.state import ModelState
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import override

from tenant_migrations.fleet.graph import Code
from tenant_migrations.rollout.receivers import (
    OWN_WAY,
    after_migrating,
    before_migrating,
    call,
    path_of,
    replacements,
)


def before_migrations(alias: str, code: Code) -> None:
    """``pre_migrate``, to every app, as before all migrations of an empty schema."""
    with override(None):
        call(before_migrating(), pre_migrate, using=alias, apps=apps, plan=_plan(code))


def after_migrations(alias: str, code: Code, schema_name: str) -> None:
    """``post_migrate``, to every app, but not to the receivers of ``registering``."""
    with override(None):
        call(after_migrating(), post_migrate, using=alias, apps=apps, plan=_plan(code))
        for replacement in replacements():
            replacement(schema_name)


def registering(alias: str, code: Code) -> None:
    """Have Django's own receivers of ``post_migrate`` make content types and permissions.

    They are given the models of the migrations' state, as ``migrate`` gives them, so that rows
    come in the same order.
    """
    with override(None):
        call(_registering(), post_migrate, using=alias, apps=_state_apps(code), plan=[])


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
    return [sorted({path_of(receiver) for _, receiver in _registering()}), models]


def _registering() -> list[tuple[Any, Any]]:
    return [
        (config, receiver)
        for config in apps.get_app_configs()
        if config.models_module is not None
        for receiver in post_migrate._live_receivers(config)[0]
        if path_of(receiver) in OWN_WAY
    ]


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


def _plan(code: Code) -> list[tuple[Migration, bool]]:
    """Every migration, as ``migrate`` passes them; copies, as receivers may add operations."""
    plan = []
    for key in code.full_plan:
        migration = copy(code.migration(key))
        vars(migration)["operations"] = list(migration.operations)
        plan.append((migration, False))
    return plan
