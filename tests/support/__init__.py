"""Helpers that let tests read as sentences."""
