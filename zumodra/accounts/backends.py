"""Who may sign in where, and what they may do there."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import Permission
from django.db import models
from django.http import HttpRequest

from zumodra.accounts.models import Profile, Role
from zumodra.custom_account_u.models import User
from zumodra.tenants.schema import current_schema, is_public


class MembershipBackend(BaseBackend):
    """Signs in active members on a tenant's hosts, and platform staff on the public host.

    The same account is asked anew on each request, so that ending a membership ends its sessions.
    Owners and administrators have every permission in their company, other members those of
    their groups; on the public host only operators (``is_superuser``) have permissions.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if username is None or password is None:
            return None
        try:
            user = User.objects.get_by_natural_key(username)
        except User.DoesNotExist:
            # Take as long as for an account that exists, or its absence could be measured.
            User().set_password(password)
            return None
        return user if user.check_password(password) and is_admitted(user) else None

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.filter(pk=user_id).first()
        return user if user is not None and is_admitted(user) else None

    def get_all_permissions(self, user_obj: Any, obj: models.Model | None = None) -> set[str]:
        """Permissions as ``app.codename`` in the schema in use; read once for each user object."""
        if obj is not None or not isinstance(user_obj, User) or not user_obj.is_active:
            return set()
        kept: dict[str, set[str]] = user_obj.__dict__.setdefault("_permissions_by_schema", {})
        schema_name = current_schema()
        if schema_name not in kept:
            pairs = _permissions(user_obj).values_list("content_type__app_label", "codename")
            kept[schema_name] = {f"{app_label}.{codename}" for app_label, codename in pairs}
        return kept[schema_name]


def is_admitted(user: User) -> bool:
    """Whether `user` may be signed in on the host that is being served."""
    if not user.is_active:
        return False
    if is_public():
        return user.is_staff
    return Profile.objects.filter(user=user, is_active=True).exists()


def _permissions(user: User) -> models.QuerySet[Permission]:
    everything = Permission.objects.order_by()
    if is_public():
        return everything if user.is_superuser else everything.none()
    profile = Profile.objects.filter(user=user, is_active=True).first()
    if profile is None:
        return everything.none()
    if profile.role in (Role.OWNER, Role.ADMIN):
        return everything
    return everything.filter(group__profiles=profile).distinct()
