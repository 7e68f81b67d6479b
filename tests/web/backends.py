"""Staff with some permissions: on the public host the platform knows all or none."""

from typing import Any

from zumodra.accounts.backends import MembershipBackend


class SomePermissions(MembershipBackend):
    """Staff have the permissions that their full name lists."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return {f"tenant_migrations.{name}" for name in user_obj.full_name.split()}
