from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from uuid import UUID

from zumodra.custom_account_u.models import User
from zumodra.demo_data import words


@dataclass
class Person:
    """Somebody's name and address."""

    first_name: str
    last_name: str
    email: str


@dataclass
class Company:
    """One demo company's dice, calendar and people. `seed` decides everything but the calendar."""

    seed: str
    domain: str
    month: date
    """First day of the month that the data leads up to."""
    dice: Random = field(init=False)
    members: list[User] = field(default_factory=list)
    _names: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)  # noqa: S311

    def name(self) -> str:
        """The company's own name, without touching the dice of its data."""
        dice = Random(f"{self.seed} name")  # noqa: S311
        return f"{dice.choice(words.COMPANY_FIRST)} {dice.choice(words.COMPANY_SECOND)}"

    def person(self, mail_domain: str) -> Person:
        """Somebody whose name nobody else in this company's data has."""
        while True:
            name = self.dice.choice(words.FIRST_NAMES), self.dice.choice(words.LAST_NAMES)
            if name not in self._names:
                self._names.add(name)
                address = f"{name[0]}.{name[1]}@{mail_domain}".lower()
                return Person(*name, address)

    def uuid(self) -> UUID:
        return UUID(int=self.dice.getrandbits(128), version=4)

    def day(self, days: int) -> date:
        """The day so many days before (negative) or after the month begins."""
        return self.month + timedelta(days=days)

    def moment(self, days: int, hour: int = 9) -> datetime:
        return datetime.combine(self.day(days), time(hour), tzinfo=UTC)
