"""Delivery: messages to channels, side by side, tried again, and never longer than allowed."""

import queue
import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tenant_migrations.observability.alerts.channels import Channel
from tenant_migrations.observability.alerts.messages import Message

PAUSES_SECONDS = (0.5, 2.0)
"""Before the second and the third try."""

FINAL = re.compile(r"HTTP 4(?!08|25|29)")
"""In what a receiver answers to a message that it will never take."""


@dataclass(frozen=True)
class Parcel:
    """A message and the channels that it goes to."""

    message: Message
    channels: tuple[Channel, ...]


Failures = dict[str, str]
"""By the name of a channel, why a message did not reach it."""


def deliver(parcels: Sequence[Parcel], seconds: float) -> list[Failures]:
    """Send everything, and say for each parcel which channels it did not reach.

    Returns after ``seconds`` at the latest; a channel that hangs is left behind in a thread that
    does not keep the process alive. Never raises.
    """
    by_channel: dict[Channel, list[int]] = {}
    for index, parcel in enumerate(parcels):
        for channel in parcel.channels:
            by_channel.setdefault(channel, []).append(index)
    deadline = time.monotonic() + seconds
    done: queue.SimpleQueue[tuple[int, str, str]] = queue.SimpleQueue()
    threads = [
        threading.Thread(
            target=_work,
            args=(channel, [(index, parcels[index].message) for index in indexes], deadline, done),
            daemon=True,
        )
        for channel, indexes in by_channel.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    failures: list[Failures] = [
        {channel.name: f"no answer within {seconds:g} s" for channel in parcel.channels}
        for parcel in parcels
    ]
    while not done.empty():
        index, name, reason = done.get()
        if reason:
            failures[index][name] = reason
        else:
            failures[index].pop(name, None)
    return failures


def _work(
    channel: Channel,
    messages: Iterable[tuple[int, Message]],
    deadline: float,
    done: "queue.SimpleQueue[tuple[int, str, str]]",
) -> None:
    for index, message in messages:
        done.put((index, channel.name, _send(channel, message, deadline)))


def _send(channel: Channel, message: Message, deadline: float) -> str:
    reason = channel.send(message, deadline - time.monotonic())
    for pause in PAUSES_SECONDS:
        if not reason or FINAL.search(reason) or time.monotonic() + pause >= deadline:
            break
        time.sleep(pause)
        reason = channel.send(message, deadline - time.monotonic())
    return reason
