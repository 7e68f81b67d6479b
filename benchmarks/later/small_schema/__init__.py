"""The small app's migration and two of the schema after it."""

from pathlib import Path

from benchmarks.small import migrations

# Without what the platform's package adds to its own folder.
__path__ = [str(Path(__file__).parents[1] / "schema"), *migrations.__path__]
