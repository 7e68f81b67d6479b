from django.apps import AppConfig


class CustomAccountConfig(AppConfig):
    """The people who sign in, once for all tenants. Public schema."""

    name = "zumodra.custom_account_u"
    label = "custom_account_u"
    verbose_name = "User accounts"
