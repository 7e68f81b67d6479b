from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "tests.torture.customers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tests.torture.customers.signals import listen

        listen()
