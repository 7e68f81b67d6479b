"""Know, migrate and heal every PostgreSQL schema of a django-tenants fleet."""

__version__ = "0.1.0"
