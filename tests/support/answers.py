"""What a command answered."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Exit code and output of one command."""

    exit_code: int
    stdout: str
    stderr: str

    @cached_property
    def json(self) -> dict[str, Any]:
        """Standard output, which must be exactly one JSON document."""
        document = json.loads(self.stdout)
        assert isinstance(document, dict)
        return document

    @property
    def error_line(self) -> str:
        """Standard error, which must be exactly one line."""
        (line,) = self.stderr.splitlines()
        return line

    def tenant(self, name: str) -> dict[str, Any]:
        """What the document says of one tenant, or of `public`."""
        if name == "public":
            public: dict[str, Any] = self.json["public"]
            return public
        (found,) = [t for t in self.json["tenants"] if t["schema_name"] == name]
        return dict(found)

    def status(self, name: str) -> str:
        """The status of one tenant."""
        return str(self.tenant(name)["status"])

    def statuses(self) -> dict[str, str]:
        """The status of each tenant."""
        return {t["schema_name"]: t["status"] for t in self.json["tenants"]}

    def findings(self, name: str) -> list[dict[str, Any]]:
        """The findings of one tenant."""
        return list(self.tenant(name)["findings"])

    def ids(self, name: str) -> set[str]:
        """The ids of one tenant's findings."""
        return {finding["id"] for finding in self.findings(name)}

    def finding(self, name: str, kind: str) -> dict[str, Any]:
        """The one finding of that kind that a tenant has."""
        (found,) = [f for f in self.findings(name) if f["id"] == kind]
        return dict(found)

    def outcome(self, name: str) -> dict[str, Any]:
        """What a heal did to one schema."""
        (found,) = [o for o in self.json["fix"]["outcomes"] if o["schema_name"] == name]
        return dict(found)
