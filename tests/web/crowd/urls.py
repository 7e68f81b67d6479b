"""One page of a tenant, which reads all its columns, and how long it took."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.web.crowd.parcels.models import Parcel


def timed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Middleware that writes into each answer how many seconds the server was at it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        response = get_response(request)
        response["X-Seconds"] = str(time.monotonic() - began)
        return response

    return middleware


def parcels(request: HttpRequest) -> HttpResponse:
    return HttpResponse(", ".join(f"{parcel} {parcel.grams} g" for parcel in Parcel.objects.all()))


urlpatterns = [path("", parcels)]
