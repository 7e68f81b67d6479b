"""`create_demo_operator`: an account that opens the fleet pages, and never on a real database."""

from django.test import Client

from tests.support.fleets import Fleet
from zumodra.custom_account_u.models import User


def made(fleet: Fleet, *options: str) -> list[str]:
    answer = fleet.command("create_demo_operator", *options)
    assert answer.exit_code == 0, answer.stderr
    return answer.stdout.split()


def signs_in(account: str, password: str) -> bool:
    visitor = Client(headers={"host": "localhost"})
    visitor.post("/sign-in/", {"username": account, "password": password})
    return visitor.get("/migrations/").status_code == 200


def test_it_signs_in_with_the_password_that_was_shown_last(public_only: Fleet) -> None:
    assert made(public_only, "--dry-run") == [
        "http://localhost:8000/migrations/",
        "operator@demo.localhost",
    ]
    assert not User.objects.exists()
    _, account, first = made(public_only)
    assert signs_in(account, first)
    _, again, second = made(public_only)
    assert again == account
    assert User.objects.count() == 1
    assert signs_in(account, second)
    assert not signs_in(account, first)


def test_it_refuses_a_database_with_other_tenants(fleet: Fleet) -> None:
    answer = fleet.manage("create_demo_operator")
    assert answer.exit_code == 1
    assert "no demo" in answer.error_line
    assert not User.objects.exists()
