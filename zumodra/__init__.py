"""Zumodra: hiring, people and billing for many companies, one PostgreSQL schema each."""
