"""Views of a tenant that meet a missing table in all the ways there are."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import date
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from django.views.generic import View
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from tenant_migrations.web.degrading import degrades, degrading
from zumodra.accounts.models import Skill
from zumodra.finance.models import Invoice

DAY = date(2030, 1, 1)


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{Invoice.objects.count()} invoices")


def in_template(request: HttpRequest) -> TemplateResponse:
    """The queryset is evaluated when the template is rendered, after the view has returned."""
    template = engines["django"].from_string("{% for i in invoices %}{{ i.number }} {% endfor %}")
    return TemplateResponse(request, template, {"invoices": Invoice.objects.all()})


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Iterator[str]:
        for invoice in Invoice.objects.all():
            yield f"{invoice.number}\n"

    return StreamingHttpResponse(pieces())


async def streamed_async(request: HttpRequest) -> StreamingHttpResponse:
    async def pieces() -> AsyncIterator[str]:
        async for invoice in Invoice.objects.all():
            yield f"{invoice.number}\n"

    return StreamingHttpResponse(pieces())


async def asynchronous(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(f"{await Invoice.objects.acount()} invoices")


@api_view(["GET", "POST"])
def rest(request: Request) -> Response:
    return Response({"invoices": Invoice.objects.count()})


def column(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(list(Invoice.objects.values_list("due_on", flat=True))))


def after_an_error(request: HttpRequest) -> HttpResponse:
    """The first error is swallowed; of the next statement Django says that it comes too late."""
    with transaction.atomic():
        with suppress(DatabaseError):
            Invoice.objects.create(number="1", bill_to="Acme", issued_on=DAY, due_on=DAY)
        return HttpResponse(str(Skill.objects.count()))


def writes_first(request: HttpRequest) -> HttpResponse:
    Skill.objects.create(name=f"Half done {request.path}")
    return HttpResponse(f"{Invoice.objects.count()} invoices")


def without_autocommit(request: HttpRequest) -> HttpResponse:
    transaction.set_autocommit(False)
    Skill.objects.create(name=f"Half done {request.path}")
    return HttpResponse(f"{Invoice.objects.count()} invoices")


def typo(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {request.GET.get('table', 'finance_invocie')}")
    return HttpResponse()


def divides(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    return HttpResponse()


def not_found(request: HttpRequest) -> HttpResponse:
    try:
        Invoice.objects.count()
    except DatabaseError as error:
        raise Http404 from error
    return HttpResponse()


def other(request: HttpRequest) -> HttpResponse:
    return HttpResponse("well")


@degrades
def by_hand(request: HttpRequest) -> HttpResponse:
    context: dict[str, Any] = {}
    Skill.objects.create(name="Before")
    with degrading(context, path=request.path, invoices=["none"]):
        Skill.objects.create(name="With them")
        context["invoices"] = Invoice.objects.all()
    Skill.objects.create(name="After")
    shown = f"{context['migration_error']} {len(context['invoices'])}"
    return HttpResponse(shown)


def by_hand_typo(request: HttpRequest) -> HttpResponse:
    context: dict[str, Any] = {}
    with degrading(context, invoices=()), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM finance_invocie")
    return HttpResponse()


class Exported(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return plain(request)


urlpatterns = [
    path("plain/", plain),
    path("in-template/", in_template),
    path("streamed/", streamed),
    path("streamed-async/", streamed_async),
    path("asynchronous/", asynchronous),
    path("rest/", rest),
    path("column/", column),
    path("after-an-error/", after_an_error),
    path("writes-first/", writes_first),
    path("without-autocommit/", without_autocommit),
    path("typo/", typo),
    path("divides/", divides),
    path("not-found/", not_found),
    path("other/", other),
    path("by-hand/", by_hand),
    path("by-hand-typo/", by_hand_typo),
    path("exported/", Exported.as_view()),
]
