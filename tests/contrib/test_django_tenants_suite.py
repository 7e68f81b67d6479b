"""django-tenants' own tests of its executors and commands, with ``migrate_schemas`` on this engine.

The tests are those that come with the installed package; they run in a process of their own, on
the project that they are written for (``dts_test_project``).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.servers import Server

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
# In this order: a test that counts tenants must not be the first to run, as there may be some of
# other tests, whatever the executor is. The rest is in the order in which Django finds it.
LABELS = (
    "test_commands.DeleteTenantCommandTestCase",
    "test_commands.AllTenantsCommandTestCase",
    "test_commands.CreateTenantCommandTestCase",
    "test_commands.TenantCommandTestCase",
    "test_fast_tenants",
    "test_migration_executors",
    "test_multi_types",
    "test_tenants",
)


def test_its_tests_pass(server: Server) -> None:
    database = server.database(f"dts_{os.getpid()}")
    path = [HERE / "dts_test_project", HERE, CHECKOUT, CHECKOUT / "src"]
    environment = {name: value for name, value in os.environ.items() if name != "EXECUTOR"}
    environment |= {
        "DATABASE_URL": database.url,
        "DJANGO_SETTINGS_MODULE": "suite_settings",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, "manage.py", "test", "--noinput"]
            + [f"django_tenants.tests.{label}" for label in LABELS],
            env=environment,
            cwd=HERE / "dts_test_project",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        server.database(f"dts_{os.getpid()}_suite").drop()
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Ran \d\d+ tests", done.stderr, re.MULTILINE)
    assert "\nOK\n" in done.stderr
