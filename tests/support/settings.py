"""The platform's settings, with migrations from where `code_with` and its kind put them."""

import json
import os

from zumodra.settings import *  # noqa: F403

MIGRATION_MODULES = json.loads(os.environ.get("TEST_MIGRATION_MODULES", "{}"))
