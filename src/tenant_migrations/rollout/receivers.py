"""Receivers of ``pre_migrate`` and ``post_migrate``: who is called for each tenant, and with what.

Content types and permissions follow from the models, so tenants that look alike get the same rows:
they are made by Django's receivers in one of them and written as rows in the others. Every other
receiver is called for each tenant as Django would, unless ``POST_MIGRATE`` in the settings names
what does its work cheaper, or that it has none to do in a tenant.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.module_loading import import_string
from django_tenants.signals import schema_migrated, schema_pre_migration

from tenant_migrations import conf

Receiver = Callable[..., Any]

OWN_WAY = {
    "django.contrib.contenttypes.management.inject_rename_contenttypes_operations",
    "django.contrib.contenttypes.management.create_contenttypes",
    "django.contrib.auth.management.create_permissions",
}
"""What is done once for tenants that look alike."""


def before_migrating() -> list[tuple[AppConfig, Receiver]]:
    """Receivers of ``pre_migrate`` that have to be called for every tenant."""
    return list(_others(pre_migrate))


def after_migrating() -> list[tuple[AppConfig, Receiver]]:
    """Receivers of ``post_migrate`` that have to be called for every tenant."""
    replaced = conf.get().POST_MIGRATE
    return [pair for pair in _others(post_migrate) if path_of(pair[1]) not in replaced]


def replacements() -> list[Callable[[str], None]]:
    """What is called with a tenant's schema name instead of receivers, inside its transaction."""
    connected = {path_of(receiver) for _, receiver in _others(post_migrate)}
    wanted = conf.get().POST_MIGRATE.items()
    return [_imported(path) for name, path in wanted if path and name in connected]


def anybody_listens_to_schemas() -> bool:
    """Whether the project has receivers of django-tenants' signals."""
    return schema_pre_migration.has_listeners() or schema_migrated.has_listeners()


def call(receivers: list[tuple[AppConfig, Receiver]], signal: Any, **arguments: Any) -> None:
    """Call receivers as ``emit_pre_migrate_signal`` and ``emit_post_migrate_signal`` do."""
    for config, receiver in receivers:
        receiver(
            signal=signal,
            sender=config,
            app_config=config,
            verbosity=0,
            interactive=False,
            **arguments,
        )


def path_of(receiver: Receiver) -> str:
    """``package.module.name`` of a function or method."""
    name = getattr(receiver, "__qualname__", type(receiver).__qualname__)
    return f"{getattr(receiver, '__module__', '')}.{name}"


def _others(signal: Any) -> Iterator[tuple[AppConfig, Receiver]]:
    """Receivers by app, in the order in which Django calls them, without ``OWN_WAY``."""
    for config in apps.get_app_configs():
        if config.models_module is None:
            continue
        synchronous, _ = signal._live_receivers(config)
        for receiver in synchronous:
            if path_of(receiver) not in OWN_WAY:
                yield config, receiver


@cache
def _imported(path: str) -> Callable[[str], None]:
    function: Callable[[str], None] = import_string(path)
    return function
