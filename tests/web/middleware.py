"""Middleware of projects: one that reads the tenant's tables, one with a transaction around all."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from zumodra.finance.models import Invoice


def counts_invoices(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    def middleware(request: HttpRequest) -> Any:
        Invoice.objects.count()
        return get_response(request)

    return middleware


def in_a_transaction(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    def middleware(request: HttpRequest) -> Any:
        with transaction.atomic():
            return get_response(request)

    return middleware
