"""A COMMIT whose answer is lost: the tenant is read again, and nothing is done twice."""

from tests.support.answers import Answer
from tests.support.proxies import losing_a_commit
from tests.torture.fleet import TortureFleet
from tests.torture.versions import version


def healed_through(torture: TortureFleet, after: str) -> Answer:
    """What a heal says that got no answer to its commit in `first` after such a statement."""
    with losing_a_commit(torture.database, after) as (database, proxy):
        through = TortureFleet(torture.forge, database, torture.folder)
        through.version = torture.version
        answer = through.heal("--canary=first")
    assert proxy.lost.is_set()
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    outcomes = answer.json["fix"]["outcomes"]
    assert {outcome["state"] for outcome in outcomes} == {"fixed"}
    assert [o["schema_name"] for o in outcomes if o["attempts"] > 1] == ["first"]
    return answer


def assert_nothing_twice(torture: TortureFleet) -> None:
    """Ledger, structure and rows are those of a tenant that nothing happened to."""
    for name in ("first", "second"):
        assert sorted(torture.ledger(name)) == sorted(torture.ledger("clean"))
        assert torture.structure(name) == torture.structure("clean")
    assert torture.rows("first") == torture.rows("second")
    assert not torture.advisory_locks()
    again = torture.heal()
    assert (again.exit_code, again.json["fix"]["outcomes"]) == (0, [])


def test_of_the_only_transaction(healthy: TortureFleet) -> None:
    healthy.version = version(
        healthy.folder,
        "stock",
        {"0005_wider": 'migrations.AddField("shelf", "wide", models.IntegerField(null=True))'},
    )
    healthy.verify()  # Moves the reference, which the statement is run in too.
    answer = healed_through(healthy, 'ADD COLUMN "wide"')
    assert answer.outcome("first")["applied"] == ["stock.0005_wider"]
    assert_nothing_twice(healthy)


def test_of_the_first_of_several_transactions(torture: TortureFleet) -> None:
    """The migration by steps comes after it; what was committed before is not forgotten."""
    answer = healed_through(torture, 'CREATE TABLE "quick_note"')
    applied = [answer.outcome(name)["applied"] for name in ("first", "second")]
    assert sorted(applied[0]) == sorted(applied[1])
    assert_nothing_twice(torture)


def test_of_a_repair(healthy: TortureFleet) -> None:
    healthy.sql("DROP INDEX shop_made", schema="first")
    answer = healed_through(healthy, "CREATE INDEX shop_made")
    assert answer.outcome("first")["repaired"] == ["index shop_product.shop_made"]
    assert healthy.structure("first") == healthy.structure("clean")
