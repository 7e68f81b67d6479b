"""Options of the commands, defined once, and the questions and orders that they make."""

import re
from argparse import ArgumentTypeError
from importlib import import_module
from typing import Any

from django.core.management.base import CommandParser

from tenant_migrations import conf
from tenant_migrations.exceptions import WrongUse
from tenant_migrations.fleet.survey import Question
from tenant_migrations.rollout.budget import allowed_failures
from tenant_migrations.rollout.holding import Limits
from tenant_migrations.rollout.planning import Options
from tenant_migrations.rollout.running import Hands, Order

HEALING = {
    "dry_run": "--dry-run",
    "reconcile": "--reconcile",
    "retry_quarantined": "--retry-quarantined",
    "canary": "--canary",
    "max_failures": "--max-failures",
    "lock_timeout": "--lock-timeout",
    "backup": "--backup",
    "executor": "--executor",
}

EXECUTORS = {"celery": "tenant_migrations.contrib.celery"}
"""Modules whose ``hands`` do the waves of a rollout elsewhere; imported when they are asked for."""


def number(text: str) -> int:
    """A whole number from 1 up, for argparse."""
    if text.isascii() and text.isdigit() and 0 < int(text) < 2**31:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is not a whole number from 1 up")


def trigger(text: str) -> str:
    """A short word, for argparse."""
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,49}", text):
        return text
    raise ArgumentTypeError(f"{text!r} is not a word of small letters, digits, - and _")


def add_output_options(parser: CommandParser) -> None:
    """``--json`` and ``--quiet``."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document, whatever happens"
    )
    parser.add_argument("--quiet", action="store_true", help="print only what is not well")


def add_question_options(parser: CommandParser) -> None:
    """What is asked of the fleet."""
    group = parser.add_argument_group("what to ask")
    group.add_argument(
        "--tenant",
        action="append",
        default=[],
        metavar="NAME",
        help="only the tenant with exactly this schema name; may be repeated",
    )
    group.add_argument(
        "--app",
        action="append",
        default=[],
        metavar="LABEL",
        help="only this app, with what its migrations depend on; may be repeated",
    )
    group.add_argument(
        "--no-structure",
        action="store_true",
        help="compare code and ledgers only, not what the catalog says",
    )
    group.add_argument(
        "--jobs",
        type=number,
        metavar="N",
        help="database connections that read side by side (default: JOBS in the settings)",
    )


def add_healing_options(parser: CommandParser) -> None:
    """What ``--fix`` may do, and when it stops."""
    group = parser.add_argument_group("healing")
    group.add_argument(
        "--fix",
        action="store_true",
        help="apply pending migrations and create what is provably absent",
    )
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="with --fix: print what would run, as SQL, and change nothing",
    )
    group.add_argument(
        "--reconcile",
        action="store_true",
        help="with --fix: record migrations that the structure proves applied",
    )
    group.add_argument(
        "--retry-quarantined",
        action="store_true",
        help="with --fix: release tenants from quarantine and try them again",
    )
    group.add_argument(
        "--canary",
        action="append",
        default=[],
        metavar="NAME",
        help="with --fix: heal this tenant first and stop if that fails; may be repeated",
    )
    group.add_argument(
        "--max-failures",
        default="",
        metavar="N|P%",
        help="with --fix: stop when more tenants than this have failed",
    )
    group.add_argument(
        "--lock-timeout",
        type=number,
        metavar="MS",
        help="with --fix: how long a migration may wait for a lock "
        "(default: LOCK_TIMEOUT_MS in the settings)",
    )
    add_executor_option(group)
    group.add_argument(
        "--backup",
        action="store_true",
        help="with --fix: back up what is about to be changed first, into BACKUP_DIR",
    )
    group.add_argument(
        "--no-input",
        action="store_true",
        help="never ask; without it --fix asks once where a person sits at a terminal",
    )


def add_trigger_option(parser: CommandParser) -> None:
    """``--trigger``."""
    parser.add_argument(
        "--trigger",
        type=trigger,
        default="cli",
        metavar="WORD",
        help="what the records say started it (default: cli)",
    )


def add_alert_option(parser: CommandParser) -> None:
    """``--alert``."""
    parser.add_argument(
        "--alert",
        action="store_true",
        help="tell ALERT_URLS of problems, and of those that are over",
    )


def add_executor_option(parser: Any) -> None:
    """``--executor``."""
    parser.add_argument(
        "--executor",
        choices=EXECUTORS,
        help="heal by the workers of Celery, on any number of machines, instead of threads here",
    )


def hands_of(executor: str | None) -> Hands | None:
    """Who does the waves of a rollout. Raises ``WrongUse`` where what it takes is not installed."""
    if executor is None:
        return None
    try:
        hands: Hands = import_module(EXECUTORS[executor]).hands
    except ImportError as error:
        raise WrongUse(
            f"--executor={executor} needs a package that is not installed ({error.name}): "
            f"pip install 'django-tenant-migrations[{executor}]'"
        ) from error
    return hands


def question_from(options: dict[str, Any]) -> Question:
    """The question that the options ask."""
    return Question(
        tenants=options["tenant"],
        apps=options["app"],
        structure=not options["no_structure"],
        jobs=options["jobs"] or conf.get().JOBS,
    )


def order_from(options: dict[str, Any]) -> Order:
    """What ``--fix`` was asked to do. Raises ``WrongUse`` for a budget that is none."""
    defaults = Limits()
    allowed_failures(options["max_failures"], 0)
    return Order(
        question_from(options),
        Options(options["reconcile"], options["retry_quarantined"]),
        Limits(options["lock_timeout"] or defaults.lock_timeout_ms, defaults.statement_timeout_ms),
        max_failures=options["max_failures"],
        canaries=options["canary"],
        trigger=options["trigger"],
        hands=hands_of(options["executor"]),
    )


def refuse_healing_options(options: dict[str, Any]) -> None:
    """Raise ``WrongUse`` for an option that means nothing without ``--fix``."""
    for name, flag in HEALING.items():
        if options[name]:
            raise WrongUse(f"{flag} needs --fix")
