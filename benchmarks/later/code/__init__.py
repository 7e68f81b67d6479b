"""The same, and one that writes a few rows with code."""

from benchmarks.later import schema

__path__ = [*__path__, *schema.__path__]
