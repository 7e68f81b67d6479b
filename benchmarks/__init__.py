"""Measurements of the app beside its peers; run by ``./scripts/bench.sh``."""
