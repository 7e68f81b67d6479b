"""The torture project's fleet, whose ``migrate_schemas`` runs on this engine."""

from tests.rollout.conftest import (  # noqa: F401
    forge,
    healthy,
    healthy_template,
    made_once,
    torture,
    torture_on,
    torture_public,
    torture_template,
)
