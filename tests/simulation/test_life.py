"""A grant's life, step by step in any order: what the keeper says of it is what happened to it at the provider."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from grantkeeper import ConsentRequired, GrantStatus, Keeper, NotFound, ProviderUnavailable, Reason
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.model import AccessToken, Rotation
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, consent, oauth_client

IDA = "ida@nordwind-outdoor.example"
HOUR = timedelta(hours=1)
RING = KeyRing.parse(new_key())
"""One for all lives: nothing in them depends on it."""


class Life(RuleBasedStateMachine):
    """One person's grant, two keepers over one database, and what has to be true of them."""

    template: Path
    tokens: Bundle[AccessToken] = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.emulator = Emulator(base_url="https://emulator.test", clock=Clock.fixed())
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.url = f"sqlite:///{shutil.copy(self.template, folder / 'life.sqlite3')}"
        self.version = 0
        self.grant_id = ""
        self.dead = self.revoked = self.lost = False

    def keeper(self, rotation: Rotation) -> Keeper:
        """Open a keeper, as a process of its own would."""
        clock = self.emulator.clock
        client = oauth_client(self.emulator, "google-ads", ["adwords"])
        provider = replace(client.provider, rotation=rotation, sibling_refresh_tokens=rotation == "none")
        return self.stack.enter_context(
            Keeper(
                store=SqlStore(self.url, now=clock.now),
                sealer=RING,
                clients=[replace(client, provider=provider)],
                transport=EmulatorTransport(self.emulator),
                now=clock.now,
                pause=clock.advance,
            )
        )

    @initialize(rotation=st.sampled_from(["none", "strict"]))
    def begin(self, rotation: Rotation) -> None:
        """Let a person consent for the first time."""
        if rotation == "strict":
            self.emulator.rotate("strict")
        self.keepers = [self.keeper(rotation), self.keeper(rotation)]
        self.rotates = rotation == "strict"
        self.connect(0)

    @rule(which=st.integers(0, 1))
    def connect(self, which: int) -> None:
        """The person consents (again): the same row, unless it was ended on purpose; and all is well."""
        grant = consent(self.keepers[which], self.emulator, "acme", IDA)
        if self.grant_id and not self.revoked:
            assert grant.id == self.grant_id
        else:
            assert grant.id != self.grant_id
            self.version = 0
        self.grant_id = grant.id
        self.dead = self.revoked = self.lost = False
        assert grant.status is GrantStatus.ACTIVE

    @rule(which=st.integers(0, 1), how=st.sampled_from(["token", "refresh"]), target=tokens)
    def ask(self, which: int, how: str) -> AccessToken | MultipleResults[AccessToken]:
        """Somebody asks for a token: it is this person's and lives, or the right reason is named."""
        keeper = self.keepers[which]
        self.emulator.clock.advance(timedelta(seconds=2))  # what the other keeper did is seen after one second
        ask = keeper.refresh if how == "refresh" else keeper.token
        try:
            token = ask(self.grant_id)
        except ConsentRequired as error:
            self.ended_for(error.reason)
            return multiple()
        assert not self.revoked
        assert token.expires_at - self.emulator.clock.now() > timedelta(minutes=5)
        return token

    def ended_for(self, reason: str) -> None:
        """Check that the grant is over, and that the reason is what happened."""
        assert self.dead or self.revoked or self.lost
        why = Reason.ROTATION_REPLY_LOST if self.lost else Reason.REVOKED_OR_EXPIRED
        assert reason == (Reason.DISCONNECTED if self.revoked else why)

    @rule(which=st.integers(0, 1), token=consumes(tokens))
    def report(self, which: int, token: AccessToken) -> None:
        """An API refused a token, the present one or an old one."""
        self.keepers[which].report_rejected(self.grant_id, token.value)

    @rule(minutes=st.sampled_from([1, 10, 56, 61, 60 * 24]))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.emulator.clock.advance(timedelta(minutes=minutes))

    @rule()
    def person_revokes(self) -> None:
        """The person ends the access at the provider; the keeper learns it at the next refresh."""
        if not self.lost:
            self.emulator.revoke(IDA)
            self.dead = True

    @rule(which=st.integers(0, 1))
    def revoke(self, which: int) -> None:
        """The business ends the grant."""
        self.keepers[which].revoke(self.grant_id)
        self.revoked = True

    @rule(which=st.integers(0, 1))
    def answers_are_lost(self, which: int) -> None:
        """Twice no answer comes: where the provider rotates, the token is used up and nobody has the next."""
        if self.dead or self.revoked or self.lost:
            return
        self.emulator.clock.advance(2 * HOUR)
        self.emulator.lose_answer(2 if self.rotates else 1)  # asked once more where the token may be used up
        with pytest.raises((ProviderUnavailable, ConsentRequired)):
            self.keepers[which].token(self.grant_id)
        self.lost = self.rotates
        self.emulator.clock.advance(HOUR)

    @rule(which=st.integers(0, 1))
    def restart(self, which: int) -> None:
        """A keeper is closed and another one opened; it recovers what was left."""
        self.keepers[which].close()
        self.keepers[which] = self.keeper("strict" if self.rotates else "none")
        self.keepers[which].recover()

    @invariant()
    def versions_grow_and_both_keepers_agree(self) -> None:
        """I8; and a grant is active unless something happened to it."""
        if not self.grant_id:
            return
        one, two = (keeper.get(self.grant_id) for keeper in self.keepers)
        assert one == two
        assert one.version >= self.version
        self.version = one.version
        if not (self.dead or self.revoked or self.lost):
            assert one.status is GrantStatus.ACTIVE
        assert (one.status is GrantStatus.REVOKED) is self.revoked

    @invariant()
    def there_is_one_live_grant_at_most(self) -> None:
        """I9."""
        if not self.grant_id:
            return
        try:
            found = self.keepers[0].find("acme", "google-ads").id
        except NotFound:
            assert self.revoked
        else:
            assert found == self.grant_id

    def teardown(self) -> None:
        """Close everything."""
        self.stack.close()


def test_a_grant_lives_as_its_history_says(tmp_path: Path) -> None:
    """R-70: connect, refresh, report, revoke, expire, lose answers, restart: in any order."""
    path = tmp_path / "template.sqlite3"
    store = SqlStore(f"sqlite:///{path}")
    store.migrate()
    store.close()
    life = type("Here", (Life,), {"template": path})
    how = settings(
        max_examples=20,
        stateful_step_count=12,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # a history is short enough to read, and shrinking one takes minutes
        suppress_health_check=list(HealthCheck),
    )

    run_state_machine_as_test(life, settings=how)
