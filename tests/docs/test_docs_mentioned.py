"""What the documents name in code is there: commands, scripts, their options, files.

This holds for lines that no test can type as well, such as those for a server.
"""

import os
import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests.docs.documents import CHECKOUT, DOCUMENTS, FENCE, name_of, prose

OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
COMMAND = re.compile(r"^(?:.*manage\.py )?([a-z_]+)((?: .*)?)$")
SCRIPT = re.compile(r"scripts/(\w+\.sh)((?: .*)?)$")
FILES = re.compile(r"(?<![\w/.])(?:deploy|scripts|tests|benchmarks)/[\w./@*-]*\w")
ELSEWHERE = {"deploy/docker/zumodra.env", "deploy/docker/secrets"}
"""What only a production machine has."""
HANDED_ON = {"bench.sh": CHECKOUT / "benchmarks" / "__main__.py"}
"""Where the options are read of scripts that hand theirs on."""
OURS = sorted(
    name
    for name, app in get_commands().items()
    if app.startswith(("tenant_migrations", "zumodra."))
)


def pieces(document: Path) -> list[str]:
    """Lines of code blocks, and code in sentences, without what follows a shell's own signs."""
    lines = [
        line for _, block in FENCE.findall(document.read_text()) for line in block.splitlines()
    ]
    lines += re.findall(r"`([^`\n]+)`", prose(document))
    return [re.split(r" [#&|>]|;|  ", line)[0].strip() for line in lines]


def options_of(name: str) -> set[str]:
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    return {option for action in parser._actions for option in action.option_strings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_commands_and_scripts_have_the_options_that_are_named(document: Path) -> None:
    for piece in pieces(document):
        if found := SCRIPT.search(piece):
            script = CHECKOUT / "scripts" / found[1]
            assert script.exists(), piece
            text = script.read_text() + HANDED_ON.get(script.name, Path(os.devnull)).read_text()
            assert set(OPTION.findall(found[2])) <= set(OPTION.findall(text)), piece
        elif (found := COMMAND.match(piece)) and ("manage.py " in piece or found[1] in OURS):
            assert found[1] in get_commands(), piece
            assert set(OPTION.findall(found[2])) <= options_of(found[1]), piece


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_files_that_are_named_are_there(document: Path) -> None:
    for path in FILES.findall(document.read_text()):
        assert path in ELSEWHERE or any(CHECKOUT.glob(path)), path
