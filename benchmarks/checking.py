"""Checks the fleet and records it in this process, each timed: ``ROUNDS``."""

import gc
import json
import os
import sys
import time

import django

CASES = ("unchanged", "changed", "ledgers")


def main(rounds: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zumodra.settings")
    django.setup()
    from tenant_migrations.fleet.graph import Code  # noqa: PLC0415 - it is set up now
    from tenant_migrations.fleet.survey import Question, no_progress  # noqa: PLC0415
    from tenant_migrations.models import Sample, TenantState  # noqa: PLC0415
    from tenant_migrations.observability import history  # noqa: PLC0415
    from tenant_migrations.rollout.verifying import verify  # noqa: PLC0415

    def check_and_record(case: str) -> tuple[float, float]:
        question = Question(structure=case != "ledgers")
        if case == "changed":
            TenantState.objects.all().delete()
        gc.collect()
        began = time.perf_counter()
        report = verify(question, Code(), no_progress)
        checked = time.perf_counter()
        sample = history.record(report, trigger="benchmark", question=question)
        recorded = time.perf_counter()
        assert Sample.objects.filter(pk=sample.pk).exists(), "it was not written"
        return checked - began, recorded - checked

    check_and_record("unchanged")  # Builds the reference, and fills the server's memory.
    seconds: dict[str, dict[str, list[float]]] = {
        case: {"check": [], "record": []} for case in CASES
    }
    for _ in range(rounds):
        for case in CASES:
            checked, recorded = check_and_record(case)
            seconds[case]["check"].append(checked)
            seconds[case]["record"].append(recorded)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(int(sys.argv[1]))
