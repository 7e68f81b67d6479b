"""The guard: a tenant whose schema is not at the code is answered 503, not 500.

A request on a tenant's host that fails because a table, a column or the schema is not there is
answered with 503, if the verdict on that tenant says that its schema is the reason. What fails for
other reasons passes through as it is. On a healthy request the guard asks nothing of the database,
but for the marks of maintenance once in two seconds and process.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import chain
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.signals import got_request_exception
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from tenant_migrations.database import public_schema, tenant_connection
from tenant_migrations.vocabulary import TenantStatus
from tenant_migrations.web import incidents
from tenant_migrations.web.closed import closed, known_marks
from tenant_migrations.web.failures import failure_in
from tenant_migrations.web.looking import looker
from tenant_migrations.web.unavailable import MIGRATION, unavailable

ERROR = "_tenant_migrations_error"
"""Where a request keeps the exception that Django made an answer 500 of."""

EVENTS = "text/event-stream"


def blames_schema(schema_name: str, error: BaseException, path: str) -> bool:
    """Whether an error is the fault of a tenant's schema; an incident is noted while it lasts."""
    failure = failure_in(error)
    if failure is None:
        return False
    status = looker.blame(schema_name, failure)
    if status is None:
        return False
    if status is not TenantStatus.OK:
        incidents.met(schema_name, failure, status, path)
    return True


class TenantGuardMiddleware:
    """Stands right behind the middleware that finds the tenant.

    Its own statements run in other threads: the connection and the transaction of the request are
    left as Django leaves them, or rolled back where they were still open.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        # What fails in another middleware is no longer an exception when it comes by here.
        got_request_exception.connect(_keep_error, dispatch_uid="tenant_migrations.guard")

    def __call__(self, request: HttpRequest) -> Any:
        schema_name = schema_of(request)
        if self.is_async:
            return self._answer(request, schema_name)
        if schema_name is None:
            return self.get_response(request)
        response = closed(request, schema_name)
        if response is not None:
            return response
        response = self.get_response(request)
        if needs_a_look(response):
            return _looked_at(request, response, schema_name)
        return response

    async def _answer(self, request: HttpRequest, schema_name: str | None) -> HttpResponseBase:
        get_response = cast(Callable[[HttpRequest], Awaitable[HttpResponseBase]], self.get_response)
        if schema_name is None:
            return await get_response(request)
        ask = sync_to_async(closed) if known_marks.is_stale() else None
        refused = await ask(request, schema_name) if ask else closed(request, schema_name)
        if refused is not None:
            return refused
        response = await get_response(request)
        if not needs_a_look(response):
            return response
        if getattr(response, "is_async", False):
            return await _begun(request, cast(StreamingHttpResponse, response), schema_name)
        return await sync_to_async(_looked_at)(request, response, schema_name)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Asked by Django for what a view or the rendering of its template raised."""
        schema_name = schema_of(request)
        return _answer_to(request, exception, schema_name) if schema_name else None


def schema_of(request: HttpRequest) -> str | None:
    """The schema of the tenant whose host is asked; ``None`` on the public host."""
    name = getattr(getattr(request, "tenant", None), "schema_name", None)
    return None if name is None or name == public_schema() else str(name)


def needs_a_look(response: HttpResponseBase) -> bool:
    """Whether it failed behind a middleware's back, or can still fail.

    Files do not, and a stream of events may have nothing to say for long.
    """
    if response.status_code == 500:
        return True
    return (
        response.streaming
        and not isinstance(response, FileResponse)
        and not response.get("Content-Type", "").startswith(EVENTS)
    )


def _answer_to(
    request: HttpRequest, error: BaseException, schema_name: str
) -> HttpResponseBase | None:
    if not blames_schema(schema_name, error, request.path):
        return None
    _leave_clean()
    return unavailable(request, MIGRATION)


def _looked_at(
    request: HttpRequest, response: HttpResponseBase, schema_name: str
) -> HttpResponseBase:
    """A response that failed, or that may at its first piece, or another in its place."""
    if response.streaming:
        return _begin(request, cast(StreamingHttpResponse, response), schema_name)
    error = getattr(request, ERROR, None)
    answer = _answer_to(request, error, schema_name) if error else None
    return _in_place_of(response, answer) if answer else response


def _begin(
    request: HttpRequest, response: StreamingHttpResponse, schema_name: str
) -> HttpResponseBase:
    """Have a stream give its first piece while another answer is still possible."""
    pieces = iter(response)
    try:
        first = [next(pieces)]
    except StopIteration:
        first = []
    except Exception as error:
        answer = _answer_to(request, error, schema_name)
        if answer is None:
            raise
        return _in_place_of(response, answer)
    response.streaming_content = chain(first, pieces)
    return response


async def _begun(
    request: HttpRequest, response: StreamingHttpResponse, schema_name: str
) -> HttpResponseBase:
    """The same for a stream that is made asynchronously."""
    pieces = aiter(cast(AsyncIterator[bytes], response.streaming_content))
    try:
        first = [await anext(pieces)]
    except StopAsyncIteration:
        first = []
    except Exception as error:
        answer = await sync_to_async(_answer_to)(request, error, schema_name)
        if answer is None:
            raise
        return _in_place_of(response, answer)

    async def whole() -> AsyncIterator[bytes]:
        for piece in first:
            yield piece
        async for piece in pieces:
            yield piece

    response.streaming_content = whole()
    return response


def _in_place_of(response: HttpResponseBase, answer: HttpResponseBase) -> HttpResponseBase:
    """The answer, which closes what the response that nobody gets would have closed."""
    closers: list[Any] = answer._resource_closers  # type: ignore[attr-defined]
    closers.extend(response._resource_closers)  # type: ignore[attr-defined]
    answer.cookies.update(response.cookies)
    return answer


def _leave_clean() -> None:
    """Roll back what the request left open; a transaction around it is told to."""
    connection = tenant_connection()
    if connection.connection is None:
        return
    if connection.in_atomic_block:
        connection.set_rollback(True)
    elif not connection.get_autocommit():
        connection.rollback()


def _keep_error(sender: Any, request: HttpRequest | None = None, **_: Any) -> None:
    if request is not None:
        setattr(request, ERROR, sys.exc_info()[1])
