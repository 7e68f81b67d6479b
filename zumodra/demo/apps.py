"""Registers the commands `break_demo_tenants` and `create_demo_operator`."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The demo as a Django app; it has no models."""

    name = "zumodra.demo"
    label = "demo"
    verbose_name = "Demo"
