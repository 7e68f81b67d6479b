"""Degrading by hand, for views that can show part of a page where a table is missing.

::

    with degrading(context, invoices=()):
        context["invoices"] = Invoice.objects.open()[:8]

Where the tenant's schema is the reason that this fails, the named values stand in the context and
``migration_error`` is True; any other error is raised as ever.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from django.db import Error, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.views.generic.base import ContextMixin

from tenant_migrations.database import public_schema, tenant_connection
from tenant_migrations.web.guard import blames_schema

FLAG = "migration_error"
"""What templates ask: whether part of the page is not there."""

MARK = "tenant_migrations_degrades"
"""Attribute of a view function that says so of itself."""

View = TypeVar("View", bound=Callable[..., Any])

Parts = Mapping[str, tuple[Callable[[], Any] | str, Any]]
"""Values of a context by name: what gives each, and what stands in for it."""


@contextmanager
def degrading(
    context: MutableMapping[str, Any], *, path: str = "", **defaults: Any
) -> Iterator[None]:
    """Give the context these defaults where the tenant's schema lets the block fail.

    Querysets that the block puts under these names are read at its end, so that a template can't
    meet the error later. In a transaction the block is a savepoint: what came before it stands, and
    what comes after it works. ``path`` is noted with the incident. Without an error the block costs
    no statement outside a transaction, and a savepoint inside one.
    """
    context.setdefault(FLAG, False)
    connection: Any = tenant_connection()
    savepoint = transaction.atomic(connection.alias) if connection.in_atomic_block else None
    try:
        with savepoint or nullcontext():
            yield
            for name in defaults:
                value = context.get(name)
                if isinstance(value, QuerySet):
                    len(value)  # Reads it, and keeps what was read.
    except Error as error:
        schema_name = connection.schema_name
        if schema_name == public_schema() or not blames_schema(schema_name, error, path):
            raise
        context.update(defaults)
        context[FLAG] = True


def degrades(view: View) -> View:
    """Mark a view function that uses ``degrading``, so that checks do not name it."""
    setattr(view, MARK, True)
    return view


class DegradeMixin(ContextMixin):
    """Makes a class-based view degrade part by part. Put it before Django's view classes.

    ``parts`` names the values of the context that may be missing: the method of the view, or the
    function, that gives each, and what stands in for it. The list of a list view is covered too:
    where it can't be read, it is empty.
    """

    request: HttpRequest
    parts: Parts = {}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        path = self.request.path
        context = self._with_list(path, kwargs)
        for name, (source, default) in self.parts.items():
            give: Callable[[], Any] = getattr(self, source) if isinstance(source, str) else source
            with degrading(context, path=path, **{name: default}):
                context[name] = give()
        return context

    def _with_list(self, path: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        """What the view itself puts into the context; a list view reads its list for that."""
        if not hasattr(self, "object_list"):
            return {FLAG: False, **super().get_context_data(**kwargs)}
        context: dict[str, Any] = {}
        with degrading(context, path=path, object_list=()):
            context.update(super().get_context_data(**kwargs))
        if context[FLAG]:
            self.object_list = self._nothing()
            context |= super().get_context_data(**{**kwargs, "object_list": self.object_list})
        return context

    def _nothing(self) -> Any:
        listed = getattr(self, "object_list", None)
        return listed.none() if isinstance(listed, QuerySet) else []
