"""The pages in a real browser: Debian's Chromium, driven by Playwright, on a served platform."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django_tenants.utils import schema_context

from tests.support.fleets import CHECKOUT, Fleet
from tests.torture.waiting import until
from zumodra.accounts.models import Profile, Role
from zumodra.custom_account_u.models import User

BROWSER = shutil.which("chromium")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Debian package chromium")

PASSWORD = "a long enough passphrase"
IMAGES = CHECKOUT / "docs" / "images"
ODD = "<script>alert(1)</script>"
QUOTED = 'a"b'
PAYMENT = "/admin/finance/payment/1/change/"
"""A page of a tenant's own host; it reads the payment's refunds."""

WIDER = """() => document.documentElement.scrollWidth > innerWidth
    ? [...document.querySelectorAll('main *')].filter((e) => !e.closest('.scroll')
        && e.getBoundingClientRect().right > innerWidth).map((e) => e.outerHTML.slice(0, 60))
    : []"""
"""What is wider than the window, so that one has to scroll the whole page sideways."""


@dataclass
class Site:
    """The platform, served on a port of this machine."""

    fleet: Fleet
    port: int

    def url(self, path: str, host: str = "localhost") -> str:
        return f"http://{host}:{self.port}{path}"


@dataclass
class Seen:
    """A page, and what its browser complained of."""

    page: Any
    site: Site
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str, host: str = "localhost") -> int:
        return int(self.page.goto(self.site.url(path, host)).status)

    def hear(self, said: Any) -> None:
        """Browsers ask for an icon where a page, such as Django's 403, names none."""
        address = said.location["url"]
        if said.type in ("error", "warning") and not address.endswith("/favicon.ico"):
            self.complaints.append(f"{said.text} {address}")

    def audit(self) -> list[str]:
        """What the rules of axe-core, all of them, and the window's width say against the page."""
        from axe_playwright_python.sync_playwright import Axe

        violations = Axe().run(self.page).response["violations"]
        return [
            f"{found['id']}: {node['html'][:120]}"
            for found in violations
            for node in found["nodes"]
        ] + list(self.page.evaluate(WIDER))


@pytest.fixture
def site(fleet: Fleet, tmp_path: Path) -> Iterator[Site]:
    """`manage.py runserver` on this fleet."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    log = (tmp_path / "log").open("w")
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    environment = fleet.environment(
        DEBUG="1", SITE_PORT=str(port), DJANGO_SETTINGS_MODULE="tests.web.site_settings"
    )
    server = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log)
    try:

        def served() -> bool:
            assert server.poll() is None, (tmp_path / "log").read_text()
            try:
                urlopen(f"http://127.0.0.1:{port}/health/live/", timeout=5).close()
            except URLError:
                return False
            return True

        until(served, "the platform is served")
        yield Site(fleet, port)
    finally:
        server.terminate()
        server.wait(30)
        log.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    # Playwright's loop makes Django believe that it is called from asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def seen(chromium: Any, site: Site) -> Iterator[Callable[..., Seen]]:
    """Opens windows; at the end no browser has complained of anything."""
    opened: list[tuple[Any, Seen]] = []

    def open_window(**options: Any) -> Seen:
        context = chromium.new_context(viewport={"width": 1100, "height": 800}, **options)
        window = Seen(context.new_page(), site)
        window.page.on("console", window.hear)
        window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
        window.page.on("dialog", lambda said: window.complaints.append(said.message))
        opened.append((context, window))
        return window

    yield open_window
    for context, window in opened:
        context.close()
        assert window.complaints == []


def sign_in(window: Seen) -> None:
    """As an operator, by the form."""
    User.objects.create_superuser("operator@example.com", PASSWORD)
    fill_in(window, "/migrations/", "operator@example.com")
    window.page.get_by_role("heading", name="Overview").wait_for()


def fill_in(window: Seen, path: str, email: str, host: str = "localhost") -> None:
    """The form to sign in, on the way to a page."""
    window.go(f"/sign-in/?next={path}", host)
    window.page.get_by_label("E-mail").fill(email)
    window.page.get_by_label("Password").fill(PASSWORD)
    window.page.keyboard.press("Enter")
    window.page.wait_for_url(lambda url: "/sign-in/" not in url)


def owner(window: Seen, name: str) -> None:
    """Signs in on a tenant's host as its owner, who looks at a payment."""
    user = User.objects.create_user(f"owner@{name}.example", PASSWORD)
    with schema_context(name):
        Profile.objects.create(user=user, role=Role.OWNER)
    fill_in(window, PAYMENT, user.email, f"{name}.localhost")
    window.page.get_by_role("heading", name="Refunds").wait_for()


def forget_status(window: Seen, code: int) -> None:
    """What the browser says of a page that was expected to fail is no complaint."""
    window.complaints[:] = [said for said in window.complaints if f"status of {code}" not in said]


def picture(window: Seen, name: str) -> None:
    """Kept for the documents where UPDATE_IMAGES is set."""
    if os.environ.get("UPDATE_IMAGES"):
        window.page.screenshot(path=IMAGES / f"{name}.png")


def test_from_a_broken_tenant_to_a_healed_one(site: Site, seen: Callable[..., Seen]) -> None:
    fleet = site.fleet
    operator, customer, neighbour = seen(), seen(), seen()
    page = operator.page
    sign_in(operator)
    owner(customer, "alpha")
    owner(neighbour, "gamma")

    fleet.drop_table("alpha", "finance_refund")
    assert customer.go(PAYMENT, "alpha.localhost") == 503
    assert (
        customer.page.get_by_role("heading").inner_text() == "This page is not available right now"
    )
    assert "finance_refund" not in customer.page.content()
    assert customer.audit() == []
    assert neighbour.go(PAYMENT, "gamma.localhost") == 200

    fleet.take_back("beta", "finance", "0023")
    fleet.verify()
    fleet.verify()
    reload_until(operator, "/migrations/", page.get_by_role("link", name="1 open incident"))
    assert operator.audit() == []
    picture(operator, "fleet-overview")
    page.get_by_role("link", name="1 drifted").click()
    page.get_by_role("link", name="alpha", exact=True).click()
    page.wait_for_url("**/migrations/tenant/**")
    assert page.get_by_role("heading", level=1).inner_text() == "alpha"
    assert page.get_by_role("cell", name="finance_refund").first.is_visible()
    assert operator.audit() == []
    picture(operator, "fleet-tenant")

    heal_everybody(operator)
    assert customer.go(PAYMENT, "alpha.localhost") == 200
    assert customer.page.get_by_role("heading", name="Refunds").is_visible()
    operator.go("/migrations/tenant/?name=alpha")
    assert "ok" in page.locator(".lead").inner_text()
    assert page.get_by_text("None: code, ledger and structure agree.").is_visible()
    forget_status(customer, 503)


def reload_until(window: Seen, path: str, shown: Any) -> None:
    """What is written beside a request is shown soon after it."""

    def look() -> bool:
        window.go(path)
        return bool(shown.is_visible())

    until(look, f"{path} shows it")


def heal_everybody(operator: Seen) -> None:
    """By the button of the overview, which asks for confirmation; the rollout is seen at work."""
    page, fleet = operator.page, operator.site.fleet
    operator.go("/migrations/")
    page.get_by_role("button", name="Heal the fleet").click()
    confirmation = page.get_by_label("To heal everybody, type all tenants")
    assert confirmation.evaluate("field => field.validity.valueMissing")
    assert fleet.value("SELECT count(*) FROM tenant_migrations_rollout") == 0
    confirmation.fill("all tenants")
    with fleet.connect(autocommit=False) as raw:
        # The refunds' foreign key has to wait for this, while everybody may read.
        raw.execute("LOCK TABLE alpha.finance_payment IN ROW EXCLUSIVE MODE")
        page.get_by_role("button", name="Heal the fleet").click()
        page.wait_for_url("**/migrations/audit/*/")
        page.get_by_role("status").filter(has_text="of 2 schemas done").wait_for(timeout=60_000)
        page.get_by_role("link", name="Rollout 1", exact=True).click()
        page.wait_for_url("**/migrations/rollouts/*/")
        page.get_by_text("In hand: alpha").wait_for(timeout=60_000)
        raw.rollback()
    # Nobody loads the page again; it is drawn anew by itself.
    page.get_by_role("status").filter(has_text="2 of 2 schemas done").wait_for(timeout=60_000)
    page.get_by_role("status").filter(has_text="ended").wait_for(timeout=60_000)
    assert page.locator(".card").all_inner_texts() == ["2\nfixed"]
    assert operator.audit() == []
    page.get_by_role("link", name="Audit").click()
    page.locator("main tbody th a").click()
    page.get_by_text("done", exact=True).wait_for(timeout=60_000)
    assert operator.audit() == []
    picture(operator, "fleet-action")


def test_without_the_right_there_is_403_and_no_data_and_odd_names_are_text(
    site: Site, seen: Callable[..., Seen]
) -> None:
    for name in (ODD, QUOTED):
        site.fleet.add_tenant(name, schema=False)
    site.fleet.verify()
    User.objects.create_user("staff@example.com", PASSWORD, is_staff=True)
    other = seen()
    fill_in(other, "/migrations/", "staff@example.com")
    for path in ("", "tenants/", "tenant/?name=alpha", "rollouts/", "incidents/", "audit/"):
        assert other.go(f"/migrations/{path}") == 403
        assert "alpha" not in other.page.locator("body").inner_text()
    forget_status(other, 403)

    operator = seen()
    sign_in(operator)
    for name in (ODD, QUOTED):
        operator.go("/migrations/tenants/")
        operator.page.get_by_role("link", name=name, exact=True).click()
        operator.page.wait_for_url("**/migrations/tenant/**")
        assert operator.page.get_by_role("heading", level=1).inner_text() == name
        assert operator.page.title().startswith(name)


def test_the_list_is_filtered_while_one_types_and_works_by_keyboard(
    site: Site, seen: Callable[..., Seen]
) -> None:
    site.fleet.add_tenant(ODD, schema=False)
    site.fleet.drop_table("alpha", "finance_refund")
    site.fleet.take_back("beta", "finance", "0023")
    site.fleet.verify()
    window = seen(color_scheme="dark")
    sign_in(window)
    page = window.page
    window.go("/migrations/tenants/")
    assert window.audit() == []
    picture(window, "fleet-tenants")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("gam")
    page.locator("#tenants [role=status]").filter(has_text="1 tenant").wait_for()
    assert page.locator("#tenants tbody tr").count() == 1
    page.keyboard.press("Control+a")
    page.keyboard.type("<script>")
    page.get_by_role("link", name=ODD).wait_for()
    page.get_by_role("link", name=ODD).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/migrations/tenant/**")
    assert page.get_by_role("heading", level=1).inner_text() == ODD
    assert window.audit() == []


def test_every_page_is_accessible_by_night_and_on_a_phone(
    site: Site, seen: Callable[..., Seen]
) -> None:
    site.fleet.drop_table("alpha", "finance_refund")
    site.fleet.verify("--fix", "--no-input")
    window = seen(color_scheme="dark", reduced_motion="reduce")
    sign_in(window)
    window.page.set_viewport_size({"width": 390, "height": 800})
    listed = window.page.get_by_role("navigation", name="Fleet").get_by_role("link")
    paths = [link.get_attribute("href") for link in listed.all()]
    assert len(paths) == 6
    for path in [*paths, "/migrations/rollouts/1/", "/migrations/tenant/?name=alpha"]:
        window.go(path)
        assert window.audit() == [], path


def test_a_customer_meets_503_while_others_go_on_and_the_page_comes_back(
    site: Site, seen: Callable[..., Seen]
) -> None:
    site.fleet.drop_table("alpha", "accounts_profile")
    customer = seen()
    assert customer.go("/sign-in/", host="alpha.localhost") == 200
    assert customer.go("/sign-in/", host="beta.localhost") == 200
    operator = seen()
    sign_in(operator)
    operator.go("/migrations/tenant/?name=beta")
    operator.page.get_by_label("Why").fill("Moving house")
    operator.page.get_by_role("button", name="Put under maintenance").click()
    operator.page.get_by_text("Under maintenance until").wait_for()
    until(lambda: customer.go("/sign-in/", host="beta.localhost") == 503, "beta is closed")
    assert customer.page.get_by_role("heading").inner_text() == "Down for maintenance"
    assert customer.audit() == []
    operator.page.get_by_role("button", name="Look in").click()
    link = operator.page.get_by_role("link", name=re.compile("Look in at beta"))
    path = link.get_attribute("href").partition(f":{site.port}")[2]
    assert operator.go(path, host="beta.localhost") == 200
    assert customer.go("/sign-in/", host="alpha.localhost") == 200
    forget_status(customer, 503)
