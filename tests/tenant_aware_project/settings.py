"""The platform's settings, with the queue under another prefix, as its own app is not wanted."""

import os

from zumodra.settings import *  # noqa: F403

CELERY_BROKER_URL = ""
QUEUE_BROKER_URL = os.environ.get("QUEUE_BROKER_URL", "")
QUEUE_TASK_IGNORE_RESULT = True
