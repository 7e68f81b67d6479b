"""The platform's finance migrations and two of the schema after them."""

from zumodra.finance import migrations

__path__ = [*__path__, *migrations.__path__]
