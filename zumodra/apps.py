from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """Django's admin; what registers itself with the default site is for tenant hosts."""

    default_site = "zumodra.admin_sites.TenantAdminSite"
