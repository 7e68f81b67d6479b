"""The platform's finance migrations and one after them that computes in every tenant."""

from zumodra.finance import migrations

__path__ = [*__path__, *migrations.__path__]
