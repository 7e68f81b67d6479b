"""A small project on django-tenants whose migrations are as awkward as migrations get."""
