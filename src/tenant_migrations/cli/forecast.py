"""The forecast of a run, for people and for programs."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tenant_migrations.cli.durations import in_words
from tenant_migrations.cli.printable import printable
from tenant_migrations.fleet.findings import named, plural, size
from tenant_migrations.rollout.forecast import Forecast, Size, TableForecast, VariantForecast

TABLES_SHOWN = 30


def variant_lines(variant: VariantForecast) -> list[str]:
    """What is to be expected of one variant, a line for each table that was there before."""
    lines = [_table(table) for table in variant.tables[:TABLES_SHOWN]]
    if (more := len(variant.tables) - TABLES_SHOWN) > 0:
        lines.append(f"and {plural(more, 'more table')}")
    if variant.created:
        lines.append(f"new: {named([*map(printable, variant.created)], TABLES_SHOWN)}")
    if variant.unknown:
        lines.append(f"not foreseen: {named(_counted(variant.unknown))}")
    if pace := variant.pace:
        which = "these" if pace.same else "other"
        lines.append(
            f"about {in_words(pace.seconds)} a tenant, by {plural(pace.tenants, 'tenant')} "
            f"with {which} migrations"
        )
    return lines


def _counted(unknown: Iterable[str]) -> list[str]:
    """Each once, with how often it comes."""
    return [
        f"{printable(what)}{f' ({times} times)' * (times > 1)}"
        for what, times in Counter(unknown).items()
    ]


def total_line(forecast: Forecast) -> str:
    """How long it all should take."""
    jobs = plural(forecast.jobs, "job")
    if forecast.seconds is None:
        return f"how long it takes with {jobs} is not known: no history yet"
    basis = "these" if forecast.same_migrations else "other"
    return f"should take about {in_words(forecast.seconds)} with {jobs}, by {basis} migrations"


def _table(table: TableForecast) -> str:
    where = f"{printable(table.table)}{' of public' if table.shared else ''}"
    sizes = ", ".join(map(_size, table.largest))
    return f"{where}: {table.work}, {table.lock} ({table.lock.waits}){f'; {sizes}' * bool(sizes)}"


def _size(found: Size) -> str:
    rows = "" if found.rows is None else f" ({found.rows:,} {'row' if found.rows == 1 else 'rows'})"
    return f"{printable(found.schema_name)} {size(found.size_bytes)}{rows}"


def variant_document(variant: VariantForecast) -> dict[str, Any]:
    """One variant's part of the JSON document."""
    pace = variant.pace
    return {
        "tables": [
            {
                "table": table.table,
                "shared": table.shared,
                "lock": str(table.lock),
                "work": table.work.name.lower(),
                "largest": [
                    {
                        "schema_name": found.schema_name,
                        "size_bytes": found.size_bytes,
                        "rows": found.rows,
                    }
                    for found in table.largest
                ],
            }
            for table in variant.tables
        ],
        "created": list(variant.created),
        "unknown": list(variant.unknown),
        "seconds_per_tenant": pace and round(pace.seconds, 3),
        "known_from_tenants": pace.tenants if pace else 0,
        "same_migrations": bool(pace and pace.same),
    }


def total_document(forecast: Forecast) -> dict[str, Any]:
    """The whole run's part of the JSON document."""
    return {
        "jobs": forecast.jobs,
        "seconds": forecast.seconds and round(forecast.seconds, 3),
        "same_migrations": forecast.same_migrations,
    }
