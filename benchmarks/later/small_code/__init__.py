"""The same, and one that writes a few rows with code."""

from pathlib import Path

from benchmarks.later import small_schema

__path__ = [str(Path(__file__).parents[1] / "code"), *small_schema.__path__]
