"""Breakers, asked and told by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from grantkeeper.renewal import Admission, Breakers, Change, Outcome
from grantkeeper.renewal.breaker import MANY_REFUSALS, SEVERAL, TROUBLES_IN_A_ROW

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Desk:
    """Breakers, and a clock moved by hand."""

    def __init__(self) -> None:
        self.breakers = Breakers()
        self.now = START

    def admit(self, grant_id: str = "g", *, client: str = "ads", provider: str = "google") -> Admission:
        """Ask."""
        return self.breakers.admit(provider, client, grant_id=grant_id, now=self.now)

    def record(
        self,
        outcome: Outcome,
        grant_id: str = "g",
        *,
        client: str = "ads",
        provider: str = "google",
        retry_after: timedelta | None = None,
    ) -> Change:
        """Report."""
        return self.breakers.record(
            provider, client, grant_id=grant_id, outcome=outcome, retry_after=retry_after, now=self.now
        )

    def trouble(self, times: int = TROUBLES_IN_A_ROW) -> Change:
        """Report trouble of several grants in turn; return what the last one changed."""
        return [self.record("trouble", f"t{number % SEVERAL}") for number in range(times)][-1]

    def refuse(self, first: int = 0, last: int = MANY_REFUSALS, client: str = "ads") -> Change:
        """Report refusals of so many grants; return what the last one changed."""
        return [self.record("refused", f"g{number}", client=client) for number in range(first, last)][-1]

    def waits(self, grant_id: str = "g") -> timedelta:
        """Go to where the grant is admitted, one wait at a time; return how far that was."""
        start = self.now
        while not (admission := self.admit(grant_id)).admitted:
            self.now += admission.wait
        return self.now - start
