from django.apps import AppConfig


class SmallConfig(AppConfig):
    """Under the platform's label, so that the later migrations fit both."""

    name = "benchmarks.small"
    label = "finance"
