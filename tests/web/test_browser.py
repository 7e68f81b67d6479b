"""The pages in a real browser: Debian's Chromium, driven by Playwright, on a served platform."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.support.fleets import CHECKOUT, Fleet
from zumodra.custom_account_u.models import User

BROWSER = shutil.which("chromium")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Debian package chromium")

PASSWORD = "a long enough passphrase"
IMAGES = CHECKOUT / "docs" / "images"
ODD = "<script>alert(1)</script>"

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
    environment = fleet.environment(DEBUG="1", SITE_PORT=str(port))
    server = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(600):
            try:
                urlopen(f"http://127.0.0.1:{port}/health/live/", timeout=5).close()
                break
            except URLError:
                assert server.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
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
        window.page.on(
            "console",
            lambda said: said.type in ("error", "warning") and window.complaints.append(said.text),
        )
        window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
        opened.append((context, window))
        return window

    yield open_window
    for context, window in opened:
        context.close()
        assert window.complaints == []


def sign_in(window: Seen) -> None:
    """As an operator, by the form."""
    User.objects.create_superuser("operator@example.com", PASSWORD)
    window.go("/migrations/")
    window.page.get_by_label("E-mail").fill("operator@example.com")
    window.page.get_by_label("Password").fill(PASSWORD)
    window.page.keyboard.press("Enter")
    window.page.get_by_role("heading", name="Overview").wait_for()


def picture(window: Seen, name: str) -> None:
    """Kept for the documents where UPDATE_IMAGES is set."""
    if os.environ.get("UPDATE_IMAGES"):
        window.page.screenshot(path=IMAGES / f"{name}.png")


def test_from_a_broken_tenant_to_a_healed_one(site: Site, seen: Callable[..., Seen]) -> None:
    fleet = site.fleet
    fleet.drop_table("alpha", "finance_refund")
    fleet.take_back("beta", "finance", "0023")
    fleet.verify()
    fleet.verify()
    window = seen()
    sign_in(window)
    page = window.page
    assert window.audit() == []
    picture(window, "fleet-overview")

    page.get_by_role("link", name="1 drifted").click()
    page.get_by_role("link", name="alpha", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "alpha"
    assert window.audit() == []
    picture(window, "fleet-tenant")

    page.get_by_role("button", name="Heal").click()
    page.wait_for_url("**/migrations/audit/*/")
    page.get_by_role("status").filter(has_text="1 of 1 schema done").wait_for(timeout=60_000)
    page.get_by_text("done", exact=True).wait_for(timeout=60_000)
    assert window.audit() == []
    picture(window, "fleet-action")
    page.get_by_role("link", name="To the tenant").click()
    assert "ok" in page.locator(".lead").inner_text()
    assert page.get_by_text("None: code, ledger and structure agree.").is_visible()


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
    deadline = time.monotonic() + 20
    while customer.go("/sign-in/", host="beta.localhost") != 503:
        assert time.monotonic() < deadline
    assert customer.page.get_by_role("heading").inner_text() == "Down for maintenance"
    assert customer.audit() == []
    operator.page.get_by_role("button", name="Look in").click()
    link = operator.page.get_by_role("link", name=re.compile("Look in at beta"))
    path = link.get_attribute("href").partition(f":{site.port}")[2]
    assert operator.go(path, host="beta.localhost") == 200
    assert customer.go("/sign-in/", host="alpha.localhost") == 200
    customer.complaints[:] = [said for said in customer.complaints if "503" not in said]
