"""Settings of the platform. Everything that differs between machines comes from the environment.

``DEBUG`` is off unless asked for, and nothing secret has a default in this file: without
``SECRET_KEY`` a random key is made once and kept, readable by its owner only, under ``var/``.
Several hosts that serve one site must share ``SECRET_KEY``, or they reject each other's sessions.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import environ

from zumodra.settings.alerts import urls_from
from zumodra.settings.database import database_from_url, embedded_programs
from zumodra.settings.secret_key import load_secret_key

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = BASE_DIR / "var"

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or load_secret_key(VAR_DIR / "secret_key")

# --- Hosts: the public site is BASE_DOMAIN, tenants are below it or have their own domains.
BASE_DOMAIN = env.str("BASE_DOMAIN", default="localhost").strip().lower().strip(".")
SITE_SCHEME = env.str("SITE_SCHEME", default="http" if BASE_DOMAIN == "localhost" else "https")
SITE_PORT = env.int("SITE_PORT", default=8000 if BASE_DOMAIN == "localhost" else 0)
"""Scheme and port of links made outside a request; port 0 is the scheme's own."""
PUBLIC_HOSTS = [
    *(BASE_DOMAIN, "localhost", "127.0.0.1", "[::1]"),
    *env.list("PUBLIC_HOSTS", default=[]),
]
"""Names of the public site; probes and scrapers inside a cluster may have one of their own."""
ALLOWED_HOSTS = [
    *PUBLIC_HOSTS,
    f".{BASE_DOMAIN}",
    ".localhost",
    *env.list("ALLOWED_HOSTS", default=[]),
]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Database: DATABASE_URL names an external server; without it the embedded one is used.
DATABASE_URL = env.str("DATABASE_URL", default="")
DATABASES: dict[str, Mapping[str, Any]]
if DATABASE_URL:
    DATABASES = {"default": database_from_url(DATABASE_URL)}
else:
    from zumodra.embedded_postgres import database_settings

    ORIGINAL_BACKEND = "zumodra.embedded_postgres"
    DATABASES = {"default": database_settings()}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
GET_EXECUTOR_FUNCTION = "tenant_migrations.contrib.django_tenants.get_executor"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Apps. Users are shared; each tenant has its own groups, permissions, sessions and admin log.
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
AUTH_USER_MODEL = "custom_account_u.User"
_CONTRIB_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "zumodra.apps.AdminConfig",
]
SHARED_APPS = [
    "django_tenants",
    "tenant_migrations",
    "zumodra.tenants",
    "zumodra.custom_account_u",
    "zumodra.integrations",
    "zumodra.embedded_postgres",
    "zumodra.demo",
    *_CONTRIB_APPS,
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
]
TENANT_APPS = [
    *_CONTRIB_APPS,
    "zumodra.accounts",
    "zumodra.hr_core",
    "zumodra.ats",
    "zumodra.finance",
]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
TENANT_MIGRATIONS: dict[str, object] = {
    "LOG_FORMAT": env.str("LOG_FORMAT", default="line"),
    "WORKER_WAIT_SECONDS": env.int("WORKER_WAIT_SECONDS", default=60),
    "METRICS_PREFIX": "zumodra_",
    "METRICS_TOKEN": env.str("METRICS_TOKEN", default=""),
    "METRICS_NETWORKS": env.list("METRICS_NETWORKS", default=[]),
    "ALERT_URLS": urls_from(env.str("ALERT_URLS", default="")),
    "ALERT_SOURCE": BASE_DOMAIN,
    "ALERT_STATE_DIR": str(VAR_DIR),
    "BACKUP_DIR": env.str("BACKUP_DIR", default="/backups/zumodra"),
    "POSTGRES_BIN": env.str("POSTGRES_BIN", default="") or embedded_programs(),
}
"""Options of ``tenant_migrations``; its documentation lists them with their defaults."""

# --- Requests
MIDDLEWARE = [
    "zumodra.tenants.middleware.TenantMiddleware",
    "tenant_migrations.web.guard.TenantGuardMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "zumodra.urls"
PUBLIC_SCHEMA_URLCONF = "zumodra.urls_public"
WSGI_APPLICATION = "zumodra.wsgi.application"
ASGI_APPLICATION = "zumodra.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "zumodra" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "zumodra" / "static"]

# --- Signing in: only members of a tenant sign in on its hosts, only staff on the public one.
AUTHENTICATION_BACKENDS = ["zumodra.accounts.backends.MembershipBackend"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "finance:dashboard"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SITE_SCHEME == "https"

# --- Workers, where CELERY_BROKER_URL names a broker.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
if CELERY_BROKER_URL:
    from zumodra.settings.schedule import beat_schedule

    CELERY_TASK_DEFAULT_QUEUE = "zumodra"
    CELERY_TASK_IGNORE_RESULT = True
    CELERY_TASK_TIME_LIMIT = 5 * 3600
    # A task that runs longer than this is given to a second worker: above every time limit.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 6 * 3600}
    CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
    CELERY_WORKER_PREFETCH_MULTIPLIER = 1
    CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
    CELERY_WORKER_HIJACK_ROOT_LOGGER = False
    CELERY_BEAT_SCHEDULE = beat_schedule(
        tells_people=bool(env.str("ALERT_URLS", default="")),
        monitor_every=env.int("MONITOR_EVERY_SECONDS", default=0),
    )

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"event": {"()": "tenant_migrations.logs.EventFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "event"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="ERROR").upper()},
}
