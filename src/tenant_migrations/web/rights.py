"""Who may see and do what on the public host."""

from hmac import compare_digest
from ipaddress import ip_address, ip_network

from django.http import HttpRequest

from tenant_migrations import conf

VIEW = "view_fleet"


def is_scraper(request: HttpRequest) -> bool:
    """Whether it sends ``METRICS_TOKEN`` or asks from ``METRICS_NETWORKS``."""
    options = conf.get()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if options.METRICS_TOKEN and scheme.lower() == "bearer":
        return compare_digest(token.strip().encode(), options.METRICS_TOKEN.encode())
    try:
        # The peer itself: what a proxy says of others, anybody could have said.
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in ip_network(network) for network in options.METRICS_NETWORKS)


def may(request: HttpRequest, permission: str = VIEW) -> bool:
    """Whether the signed-in person is staff and has a permission of the app."""
    user = getattr(request, "user", None)
    if user is None or not (user.is_active and getattr(user, "is_staff", False)):
        return False
    return bool(user.has_perm(f"tenant_migrations.{permission}"))
