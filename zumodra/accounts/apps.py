from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Members of a company: profiles, teams, invitations. Tenant schemas."""

    name = "zumodra.accounts"
    label = "accounts"
    verbose_name = "Accounts"
