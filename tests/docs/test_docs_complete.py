"""Settings, findings, options and scripts are documented as they are, all of them and no others."""

import json
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from tenant_migrations.conf import Settings
from tenant_migrations.fleet.verdict import STATUS_OF
from tenant_migrations.vocabulary import ExitCode, FindingKind, TenantStatus
from tests.docs.documents import CHECKOUT, headings, prose, sections

DOCS = CHECKOUT / "docs"
FINDINGS = DOCS / "findings.md"
COMMANDS = sorted(DOCS.glob("commands/*.md"))
OPTION = re.compile(r"--[a-z][a-z-]+")


def written(value: Any) -> str:
    """A default as the documents write it."""
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return json.dumps(value) if isinstance(value, str) else repr(value)


def test_every_setting_has_a_section_with_its_default() -> None:
    documented = sections(DOCS / "settings.md", level=3)
    assert set(documented) == {field.name for field in fields(Settings)}
    for field in fields(Settings):
        default = field.default
        if field.default_factory is not MISSING:
            default = field.default_factory()
        text = documented[field.name].strip()
        assert text.startswith(f"Default `{written(default)}`"), field.name


def test_every_finding_has_a_section_of_its_name() -> None:
    documented = [title for title in headings(FINDINGS) if title.startswith("TM")]
    assert documented == [f"{kind.value} {kind.name.lower().replace('_', ' ')}" for kind in SORTED]


SORTED = sorted(FindingKind)


def test_every_status_is_listed_with_its_findings_gravest_first() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", prose(FINDINGS), re.MULTILINE)
    assert [status for status, _ in rows] == [status.value for status in TenantStatus]
    for status, listed in rows:
        stand_for_it = {kind.value for kind, meant in STATUS_OF.items() if meant == status}
        assert expanded(listed) == stand_for_it, status


def expanded(listed: str) -> set[str]:
    """Ids of a list such as ``TM001, TM101 to TM133``."""
    found: set[str] = set()
    for part in re.findall(r"TM\d+(?: to TM\d+)?", listed):
        first, *last = part.split(" to ")
        found |= {kind.value for kind in FindingKind if first <= kind <= (last or [first])[0]}
    return found


def options_of(name: str) -> set[str]:
    """The options of a command that not every command has."""
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    of_all = BaseCommand().create_parser("manage.py", name)
    own, common = (
        {option for action in some._actions for option in action.option_strings}
        for some in (parser, of_all)
    )
    return own - common


@pytest.mark.parametrize("page", COMMANDS, ids=lambda page: page.stem)
def test_a_command_has_the_options_that_its_page_names(page: Path) -> None:
    text = page.read_text()
    rows = "".join(re.findall(r"^\| `--[^|]*\|", text, re.MULTILINE))
    typed = "".join(re.findall(rf"^\$ .*{page.stem}.*$", text, re.MULTILINE))
    assert options_of(page.stem) <= set(OPTION.findall(text))
    assert set(OPTION.findall(rows + typed)) <= options_of(page.stem)


@pytest.mark.parametrize("document", ["README.md", "docs/commands/verify_tenant_migrations.md"])
def test_every_exit_code_is_documented(document: str) -> None:
    table = re.findall(r"^\| (\d+) \|", (CHECKOUT / document).read_text(), re.MULTILINE)
    assert [int(code) for code in table] == [code.value for code in ExitCode]


def test_every_script_is_listed() -> None:
    listed = re.findall(r"^\| `(\w+\.sh)", (CHECKOUT / "scripts/README.md").read_text(), re.M)
    assert sorted(listed) == sorted(path.name for path in CHECKOUT.glob("scripts/*.sh"))
