"""The app in a bare project that knows nothing of it, installed as ``docs/installation.md`` says.

The project has tenants of its own before the app comes. The wheel is built from the checkout and
put beside the project's packages; nothing of the platform is there.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.documents import CHECKOUT, blocks, console_lines
from tests.support.servers import Database, Server

HERE = Path(__file__).parent
GUIDE = CHECKOUT / "docs" / "installation.md"
MAKE_TENANT = """
import django
django.setup()
from bakeries.models import Address, Bakery
bakery = Bakery.objects.create(schema_name={name!r}, street="High Street 1")
Address.objects.create(tenant=bakery, domain="{name}.example", is_primary=True)
"""


@dataclass(frozen=True)
class Project:
    """The project in a folder of its own, on a database of its own."""

    folder: Path
    site: Path
    database: Database

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the project's folder."""
        environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": self.database.url,
            "DJANGO_SETTINGS_MODULE": "mill.settings",
            "PYTHONPATH": os.pathsep.join(map(str, (self.site, self.folder))),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of its management commands."""
        return self.python("manage.py", *arguments)

    def install(self, wheels: Path) -> None:
        """What ``pip install`` does, from the checkout and without a network."""
        pip = ("-m", "pip", "--no-input", "--disable-pip-version-check", "--quiet")
        offline = ("--no-deps", "--no-index")
        build = ("wheel", *offline, "--no-build-isolation", "--wheel-dir", str(wheels))
        succeed(self.python(*pip, *build, str(CHECKOUT)))
        (wheel,) = wheels.glob("django_tenant_migrations-*.whl")
        succeed(self.python(*pip, "install", *offline, "--target", str(self.site), str(wheel)))

    def add_app(self) -> None:
        """Put the line of the guide's example into the settings, after the one it follows there."""
        (example,) = blocks(GUIDE, "python")
        lines = [line for line in example.splitlines() if line.startswith("    ")]
        settings = self.folder / "mill" / "settings.py"
        before = settings.read_text()
        assert before.count(f"{lines[0]}\n") == 1
        settings.write_text(before.replace(lines[0], "\n".join(lines)))

    def statuses(self) -> dict[str, str]:
        """What the app says of each tenant, and of public."""
        document = json.loads(self.manage("verify_tenant_migrations", "--json").stdout)
        schemas = [*document["tenants"], document["public"]]
        return {schema["schema_name"]: schema["status"] for schema in schemas}


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    """Standard output of a process that must have ended with 0."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(server: Server, tmp_path: Path) -> Iterator[Project]:
    """The project with two tenants, without the app."""
    shutil.copytree(
        HERE / "project", tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__")
    )
    database = server.database(f"third_{os.getpid()}").create()
    try:
        made = Project(tmp_path / "project", tmp_path / "site", database)
        succeed(made.manage("migrate_schemas", "--shared", "-v0"))
        for name in ("rye", "spelt"):
            succeed(made.python("-c", MAKE_TENANT.format(name=name)))
        yield made
    finally:
        database.drop()


def test_the_guide_installs_it_and_it_works(project: Project, tmp_path: Path) -> None:
    pip, *lines = console_lines(GUIDE)
    assert pip.startswith("python -m pip install ")
    project.install(tmp_path / "wheels")
    project.add_app()
    for line in lines:
        assert line.startswith("python ")
        succeed(project.python(*line.split()[1:]))

    found = succeed(project.python("-c", "import tenant_migrations; print(tenant_migrations)"))
    assert str(project.site) in found
    assert "no issues" in succeed(project.manage("check"))
    assert project.statuses() == {"rye": "ok", "spelt": "ok", "public": "ok"}

    shutil.copy(HERE / "more_orders.py", project.folder / "orders/migrations/0002_more.py")
    assert project.manage("verify_tenant_migrations").returncode == 1
    assert project.statuses() == {"rye": "pending", "spelt": "pending", "public": "pending"}
    dry = project.manage("verify_tenant_migrations", "--fix", "--dry-run")
    assert 'ADD COLUMN "fetched_at"' in dry.stdout
    assert "2 fixed, 0 failed" in succeed(project.manage("verify_tenant_migrations", "--fix"))
    assert succeed(project.manage("verify_tenant_migrations")).startswith("2 tenants: 2 ok; ")
    assert succeed(project.manage("migrate_schemas", "--plan")).count("No planned") == 3


def test_the_wrong_list_of_apps_is_named(project: Project, tmp_path: Path) -> None:
    project.install(tmp_path / "wheels")
    settings = project.folder / "mill" / "settings.py"
    before = settings.read_text()
    settings.write_text(
        before.replace('    "orders",\n', '    "orders",\n    "tenant_migrations",\n')
    )
    done = project.manage("check")
    assert done.returncode == 1
    assert "tenant_migrations.E002" in done.stderr
