"""Memory: what people were told already, in the database, and in a file while that is not there.

Each subject has its own: who tells of the fleet neither waits for nor ends what is told of health.

Without the file a database that is down for a night would be told of with every run.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.core.serializers import deserialize, serialize
from django.core.serializers.base import DeserializationError
from django.db import DatabaseError, transaction
from django.utils import timezone

from tenant_migrations import conf
from tenant_migrations.cli.files import NotWritten, replace_file
from tenant_migrations.database import one_line, public_schema, schema_in_use, tenant_connection
from tenant_migrations.exceptions import DatabaseUnavailable
from tenant_migrations.locks import ALERTS, try_lock, unlock
from tenant_migrations.models import Alert
from tenant_migrations.observability.alerts.problems import subject_of
from tenant_migrations.observability.history import from_records
from tenant_migrations.vocabulary import AlertSubject

TIMEOUTS = """
    SELECT set_config('lock_timeout', '500', true), set_config('statement_timeout', '2000', true)
"""


@dataclass
class Memory:
    """Alerts of one subject that were sent, by key, open and over."""

    subject: AlertSubject
    alerts: dict[str, Alert]
    in_database: bool

    def save(self, changed: Iterable[Alert]) -> str:
        """Keep what was changed; says in a sentence why it could not be kept, if it could not.

        In the database that is one transaction under short timeouts; where it fails, all that is
        known goes into the file, and from there into the database with a later run.
        """
        for alert in changed:
            self.alerts[alert.key] = alert
        if self.in_database:
            try:
                self._to_database(changed)
                return ""
            except (DatabaseError, DatabaseUnavailable) as error:
                reason = one_line(error)
        else:
            reason = "there is no connection to the database"
        try:
            _write_file(self.subject, self.alerts.values())
            return ""
        except (NotWritten, OSError) as error:
            return f"what was told is not remembered: {reason}; {one_line(error)}"

    def _to_database(self, changed: Iterable[Alert]) -> None:
        oldest = timezone.now() - timedelta(days=conf.get().HISTORY_DAYS)
        with (
            schema_in_use(public_schema()) as connection,
            transaction.atomic(using=connection.alias),
        ):
            with connection.cursor() as cursor:
                cursor.execute(TIMEOUTS)
            for alert in changed:
                first_at = alert.first_at  # Set by Django on creation, whatever it is.
                alert.save()
                Alert.objects.filter(pk=alert.pk).update(first_at=first_at)
            Alert.objects.filter(resolved_at__lt=oldest).delete()
        with suppress(OSError):
            _file(self.subject).unlink()


@contextmanager
def remembered(subject: AlertSubject) -> Iterator[Memory | None]:
    """What was told of a subject already; ``None`` while another process is telling of it.

    Never waits for a connection that is not there already, and never raises.
    """
    if tenant_connection().connection is None:
        yield Memory(subject, _read_file(subject), in_database=False)
        return
    try:
        with schema_in_use(public_schema()) as connection:
            locked = try_lock(connection, ALERTS, subject)
        alerts = _read_database(subject) if locked else {}
    except (DatabaseError, DatabaseUnavailable):
        yield Memory(subject, _read_file(subject), in_database=False)
        return
    try:
        yield Memory(subject, alerts, in_database=True) if locked else None
    finally:
        if locked:
            with suppress(DatabaseError), schema_in_use(public_schema()) as connection:
                unlock(connection, ALERTS, subject)


def _read_database(subject: AlertSubject) -> dict[str, Alert]:
    """All alerts of a subject, with those that were kept in the file meanwhile."""
    nothing: dict[str, Alert] = {}
    known = from_records(lambda: {alert.key: alert for alert in Alert.objects.all()}, nothing)
    alerts = {key: alert for key, alert in known.items() if subject_of(key) is subject}
    for key, alert in _read_file(subject).items():
        alert.pk = alerts[key].pk if key in alerts else None
        alerts[key] = alert
    return alerts


def _read_file(subject: AlertSubject) -> dict[str, Alert]:
    try:
        text = _file(subject).read_text(encoding="utf-8")
        alerts = [found.object for found in deserialize("json", text)]
        return {alert.key: alert for alert in alerts if isinstance(alert, Alert)}
    except (OSError, ValueError, DeserializationError):
        return {}


def _write_file(subject: AlertSubject, alerts: Iterable[Alert]) -> None:
    path = _file(subject)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = path.parent.stat()
    if owner.st_uid != os.geteuid() or owner.st_mode & 0o022:
        raise NotWritten(f"{path.parent} can be written by others: set ALERT_STATE_DIR")
    replace_file(path, json.dumps(json.loads(serialize("json", alerts))), mode=0o600)


def _file(subject: AlertSubject) -> Path:
    """The file of this fleet and subject, in a folder that only its owner can write."""
    given = conf.get().ALERT_STATE_DIR
    folder = Path(given or tempfile.gettempdir()) / f"tenant-migrations-{os.geteuid()}"
    settings = tenant_connection().settings_dict
    fleet = "\n".join(str(settings[key]) for key in ("HOST", "PORT", "NAME"))
    return folder / f"alerts-{subject}-{hashlib.sha256(fleet.encode()).hexdigest()[:12]}.json"
