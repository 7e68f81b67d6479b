"""A view whose error has nothing to do with the database."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def breaks(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(1 // 0))


urlpatterns = [path("", breaks)]
