"""Channels: the receivers in ``ALERT_URLS``, named without what is secret in their URLs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType

from tenant_migrations import conf
from tenant_migrations.exceptions import WrongUse
from tenant_migrations.observability.alerts.messages import Message

NOBODY = "--alert, but nobody is told: ALERT_URLS in the settings is empty"
"""What is said where ``--alert`` was asked for and there are no channels."""

REPORT = "report"
"""Who gets the weekly report, beside the severities in ``ALERT_URLS``."""

PAGERS = {
    "betterstack",
    "firehydrant",
    "goalert",
    "ilert",
    "incidentio",
    "opsgenie",
    "pagerduty",
    "pagertree",
    "signl4",
    "spike",
    "splunk",
    "squadcast",
    "victorops",
}
"""Services that call somebody out of bed: no report goes there unless they are named for it."""


@dataclass(frozen=True)
class Channel:
    """One receiver."""

    name: str
    """Its URL up to the host, with secrets masked."""
    url: str = field(repr=False)
    audiences: frozenset[str] | None = None
    """Severities, and ``report``, that it is told of; ``None``: all."""

    def takes(self, audience: str) -> bool:
        """Whether it is to be told of this."""
        if self.audiences is not None:
            return audience in self.audiences
        return audience != REPORT or self.url.partition("://")[0].lower() not in PAGERS

    def send(self, message: Message, seconds: float) -> str:
        """As ``services.send``."""
        return str(_services().send(self.url, message, seconds))


def channels() -> tuple[Channel, ...]:
    """The channels of ``ALERT_URLS``, each once.

    Raises ``WrongUse`` for a URL that Apprise does not understand, naming its place and scheme, and
    where Apprise is not installed.
    """
    given = conf.get().ALERT_URLS
    if not given:
        return ()
    places = _places(given)
    found: dict[str, Channel] = {}
    taken: dict[str, int] = {}
    for url, (place, audiences) in places.items():
        name = _name(url, place)
        taken[name] = taken.get(name, 0) + 1
        suffix = f" ({taken[name]})" if taken[name] > 1 else ""
        found[url] = Channel(name + suffix, url, audiences)
    return tuple(found.values())


def _places(
    given: Sequence[str] | Mapping[str, Sequence[str]],
) -> dict[str, tuple[str, frozenset[str] | None]]:
    """Per URL the place in the settings where it stands first, and who is told there."""
    places: dict[str, tuple[str, frozenset[str] | None]] = {}
    if not isinstance(given, Mapping):
        for index, url in enumerate(given):
            places.setdefault(url, (f"ALERT_URLS[{index}]", None))
        return places
    for audience, urls in given.items():
        for index, url in enumerate(urls):
            place, told = places.get(url, (f"ALERT_URLS[{audience!r}][{index}]", frozenset()))
            places[url] = (place, (told or frozenset()) | {audience})
    return places


def _name(url: str, place: str) -> str:
    """``slack://T...2`` for a URL. Raises ``WrongUse`` where Apprise does not understand it."""
    if name := _services().masked_host(url):
        return str(name)
    scheme = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]{0,20}://", url)
    raise WrongUse(
        f"{place} ({f'{scheme[0]}…' if scheme else 'no scheme://'}) is not a URL that Apprise "
        "understands; see docs/alerts.md for examples"
    )


def _services() -> ModuleType:
    """The module over Apprise. Raises ``WrongUse`` where that is not installed."""
    try:
        return import_module("tenant_migrations.observability.alerts.services")
    except ModuleNotFoundError as error:
        if error.name != "apprise":
            raise
        raise WrongUse(
            "ALERT_URLS is set but Apprise is not installed: "
            "pip install 'django-tenant-migrations[alerts]'"
        ) from error
