"""Each privileged action is an entry of the audit log: who, what, to what; and the page lists all of them."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from audit.test_dump import opened as sqlite_keeper
from audit.test_erasing import everything
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.model.event import KINDS
from grantkeeper.testing import consent
from house.source import ROOT, files
from keeper.files.old import old_token
from links.walking import IDA, TOM, use

ACTION = re.compile(r"(?:grant|installation|key|link|operator|owner|webhook)\.[a-z_]+")
BY = "operator:op_1"
OTHERWISE = {
    "grant.refresh": "dashboard/test_rooms",
    "installation.resume": "cli/test_doctor",
    "key.budget_exceeded": "api/test_tokens",
    "link.lock": "links/test_code",
    "operator.add": "dashboard/operators/test_openid",
    "operator.bind": "dashboard/operators/test_openid",
    "operator.refuse": "dashboard/operators/test_openid",
}
"""What takes more than a verb, and where it is done."""
NO_ACTIONS = {*KINDS, "webhook.test"}
"""Kinds of messages, which are named alike."""


def written() -> set[str]:
    """Return every action that the code names."""
    found: set[str] = set()
    for path in files("src/*.py"):
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and ACTION.fullmatch(node.value):
                found.add(node.value)
    return {name for name in found if not name.endswith(".html")} - NO_ACTIONS


def verbs(keeper: Keeper, emulator: Emulator) -> dict[str, Callable[[], object]]:
    """Return each action with what does it, in an order in which they can be done."""
    hook, _ = keeper.webhooks.add("https://hooks.example.com/x")
    grant = consent(keeper, emulator, "acme", IDA)
    (account, *_) = keeper.accounts(grant.id)
    link, used = keeper.link("acme", "google-ads"), keeper.link("fjord", "google-ads")
    pending = use(keeper, emulator, used, TOM)
    key = keeper.keys.create("a test", ("admin",)).key
    admin, token = keeper.operators.invite("ann@fjord-media.example", "admin")
    other, _ = keeper.operators.invite("bob@fjord-media.example", "viewer")
    cookies: list[str] = []
    mine = old_token(emulator, keeper.client("google-ads"), TOM)
    return {
        "grant.import": lambda: keeper.adopt("hooli", "google-ads", mine, by=BY),
        "grant.export": lambda: keeper.hand_out(grant.id, form="yaml", who="me", by=BY),
        "grant.share": lambda: keeper.share(grant.id, [(account.kind, account.id)], by=BY),
        "grant.confirm": lambda: keeper.confirm(pending.id, by=BY),
        "grant.revoke": lambda: keeper.revoke(pending.id, by=BY),
        "link.create": lambda: keeper.link("acme", "google-ads", by=BY),
        "link.revoke": lambda: keeper.links.revoke(link.link.id, by=BY),
        "key.create": lambda: keeper.keys.create("another", ("admin",), by=BY),
        "key.revoke": lambda: keeper.keys.revoke(key.id, by=BY),
        "operator.invite": lambda: keeper.operators.invite("eva@fjord-media.example", "viewer", by=BY),
        "operator.role": lambda: keeper.operators.set_role(other.id, "operator", by=BY),
        "operator.disable": lambda: keeper.operators.disable(other.id, by=BY),
        "operator.sign_in": lambda: cookies.append(keeper.operators.redeem(token.reveal()).session.reveal()),
        "operator.sign_out": lambda: keeper.operators.sign_out(cookies[0]),
        "operator.sign_out_everywhere": lambda: keeper.operators.sign_out_everywhere(admin.id, by=BY),
        "webhook.add": lambda: keeper.webhooks.add("https://hooks.example.com/y", by=BY),
        "webhook.change": lambda: keeper.webhooks.change(hook.id, description="ours", by=BY),
        "webhook.rotate": lambda: keeper.webhooks.rotate(hook.id, by=BY),
        "webhook.replay": lambda: keeper.webhooks.replay(
            hook.id, delivery_id=keeper.webhooks.deliveries(hook.id)[0].id, by=BY
        ),
        "webhook.disable": lambda: keeper.webhooks.disable(hook.id, by=BY),
        "webhook.enable": lambda: keeper.webhooks.enable(hook.id, by=BY),
        "webhook.remove": lambda: keeper.webhooks.remove(hook.id, by=BY),
        "owner.erase": lambda: keeper.erase("acme", by=BY),
    }


def test_each_verb_writes_its_entry(stored: Keeper, emulator: Emulator) -> None:
    """V-65: who, when (UTC), what, to what; one entry for each action, none of them holding a secret."""
    for action, do in verbs(stored, emulator).items():
        (last,) = stored.audit.read(newest_first=True, limit=1)
        do()
        new = [each for each in stored.audit.read(after=last.number) if each.action == action]
        assert len(new) == 1, action
        who = new[0].actor == BY or (action.startswith("operator.sign_") and new[0].actor.startswith("operator:op_"))
        assert who, (action, new[0].actor)
        assert new[0].target.partition(":")[0] == {"webhook": "endpoint"}.get(part := action.partition(".")[0], part)
        assert new[0].at.utcoffset() == timedelta(0)
    assert stored.audit.verify().ok


def test_the_table_of_actions_is_complete(stored: Keeper, emulator: Emulator) -> None:
    """V-65: each action of the code is done above, or in the test that is named; and each is on the page."""
    here = set(verbs(stored, emulator))
    assert here | set(OTHERWISE) == written()
    for action, where in OTHERWISE.items():
        assert (ROOT / f"tests/{where}.py").is_file(), action
    section = (ROOT / "docs/audit.md").read_text().partition("## Actions")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", section, re.MULTILINE)) == written()


def test_what_cannot_be_written_down_is_not_done(tmp_path: Path, emulator: Emulator) -> None:
    """V-67: with a log that takes no entry each verb fails, and leaves every table as it was."""
    with sqlite_keeper(tmp_path / "grantkeeper.sqlite3", emulator) as keeper:
        todo = verbs(keeper, emulator)
        todo.pop("operator.sign_out")  # it needs a session, which nobody gets here
        changed: list[str] = []
        with sqlite3.connect(tmp_path / "grantkeeper.sqlite3") as connection:
            connection.execute(
                "CREATE TRIGGER full BEFORE INSERT ON grantkeeper_audit BEGIN SELECT RAISE(ABORT, 'it is full'); END"
            )
        keeper.newest_event()
        for action, do in todo.items():
            before = everything(keeper)
            with pytest.raises(Exception, match="SQLITE_CONSTRAINT_TRIGGER"):
                do()
            after = everything(keeper)
            changed += [f"{action}: {name}" for name in before if before[name] != after[name]]
        assert changed == []
