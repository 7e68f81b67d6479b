"""Wagtail's apps, django-celery-beat's and Django's own, all of them tenants' apps."""

from tests.torture.settings import *  # noqa: F403

SHARED_APPS = [
    "django_tenants",
    "tenant_migrations",
    "tests.torture.customers",
    "django.contrib.contenttypes",
    "django.contrib.auth",
]
TENANT_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin",
    "django.contrib.flatpages",
    "django.contrib.redirects",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django_celery_beat",
    "modelcluster",
    "taggit",
    "wagtail",
    "wagtail.admin",
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.contrib.search_promotions",
    "wagtail.documents",
    "wagtail.embeds",
    "wagtail.images",
    "wagtail.search",
    "wagtail.sites",
    "wagtail.users",
]
INSTALLED_APPS = [
    *SHARED_APPS,
    "django.contrib.messages",
    *(app for app in TENANT_APPS if app not in SHARED_APPS),
]
SITE_ID = 1
STATIC_URL = "/static/"
WAGTAIL_SITE_NAME = "Packages"
WAGTAILADMIN_BASE_URL = "http://localhost"
