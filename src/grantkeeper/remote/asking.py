"""What each verb asks of the service: method, path, query, body, and how the answer is read."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final, Literal

import msgspec

from ..errors import InvalidInput, NotFound, printable
from ..model import (
    AccessToken,
    Account,
    Event,
    Expectation,
    Grant,
    GrantStatus,
    Invitation,
    Look,
    Picker,
    Revocation,
    Secret,
)
from ..model.service.links import Confirm
from .answers import (
    AccountAnswer,
    EventAnswer,
    GrantAnswer,
    InvitationAnswer,
    LookAnswer,
    Page,
    RevocationAnswer,
    TokenAnswer,
    reader,
)
from .calling import LARGE, Calling, grant_path

PAGE: Final = 200
NAMED: Final = 5
"""So many of several grants are named, as a Keeper does."""

_token = reader(TokenAnswer)
_grant = reader(GrantAnswer)
_grants = reader(Page[GrantAnswer])
_account = reader(AccountAnswer)
_accounts = reader(Page[AccountAnswer])
_looks = reader(Page[LookAnswer])
_events = reader(Page[EventAnswer])
_invitation = reader(InvitationAnswer)
_revocation = reader(RevocationAnswer)


class Asking:
    """The routes of the service, one method each; every call goes out."""

    def __init__(self, calling: Calling) -> None:
        self._ask = calling.ask

    def token(self, grant_id: str, min_ttl: timedelta, patience: timedelta | None = None) -> AccessToken:
        """GET a token that lives at least so long."""
        return self._ask(
            "GET",
            grant_path(grant_id, "token"),
            lambda answer: _token(answer).value(),
            query={"min_ttl": max(0, math.ceil(min_ttl.total_seconds()))},
            patience=patience,
        )

    def refresh(self, grant_id: str) -> AccessToken:
        """POST for a new token."""
        return self._ask("POST", grant_path(grant_id, "refresh"), lambda answer: _token(answer).value())

    def report_rejected(self, grant_id: str, token: Secret) -> None:
        """POST that an API refused this token."""
        self._ask(
            "POST",
            grant_path(grant_id, "rejected"),
            lambda _: None,
            body=lambda: msgspec.json.encode({"token": token.reveal()}),
        )

    def get(self, grant_id: str) -> Grant:
        """GET a grant."""
        return self._ask("GET", grant_path(grant_id), lambda answer: _grant(answer).value())

    def grants(
        self, owner: str | None, client: str | None, status: GrantStatus | None, email: str | None = None
    ) -> Iterator[Grant]:
        """GET the grants that match, page by page."""
        cursor: str | None = None
        while True:
            page = self._ask(
                "GET",
                "grants",
                _grants,
                query={
                    "owner": owner,
                    "client": client,
                    "status": status,
                    "email": email,
                    "limit": PAGE,
                    "cursor": cursor,
                },
                largest=LARGE,
            )
            yield from (each.value() for each in page.items)
            if page.next is None or page.next == cursor:  # a page that leads to itself would never end
                return
            cursor = page.next

    def siblings(self, grant_id: str) -> tuple[Grant, ...]:
        """GET the grants that a revocation at the provider would end too."""
        return self._ask(
            "GET",
            grant_path(grant_id, "siblings"),
            lambda answer: tuple(each.value() for each in _grants(answer).items),
            largest=LARGE,
        )

    def accounts(self, grant_id: str, kind: str | None, search: str | None, include: str) -> list[Account]:
        """GET what the grant reaches."""
        return self._ask(
            "GET",
            grant_path(grant_id, "accounts"),
            lambda answer: [each.value() for each in _accounts(answer).items],
            query={"kind": kind, "search": search, "include": include},
            largest=LARGE,
        )

    def account(self, grant_id: str, kind: str, account_id: str | None) -> Account:
        """GET one shared account."""
        return self._ask(
            "GET",
            grant_path(grant_id, "account"),
            lambda answer: _account(answer).value(),
            query={"kind": kind, "account_id": account_id},
        )

    def looks(self, grant_id: str) -> list[Look]:
        """GET when each kind of account was looked for."""
        return self._ask(
            "GET", grant_path(grant_id, "looks"), lambda answer: [each.value() for each in _looks(answer).items]
        )

    def events(self, grant_id: str | None, kind: str | None, after: int, limit: int) -> list[Event]:
        """GET what happened after a position."""
        return self._ask(
            "GET",
            "events",
            lambda answer: [each.value() for each in _events(answer).items],
            query={"grant_id": grant_id, "kind": kind, "after": after, "limit": limit},
            largest=LARGE,
        )

    def revoke(self, grant_id: str, siblings: Literal["keep", "end"], version: int | None) -> Revocation:
        """DELETE a grant."""
        return self._ask(
            "DELETE",
            grant_path(grant_id),
            lambda answer: _revocation(answer).value(),
            query={"siblings": siblings, "version": version},
        )

    def confirm(self, grant_id: str, proof: str | Secret | None, version: int | None) -> Grant:
        """POST that the right person consented."""
        return self._ask(
            "POST",
            grant_path(grant_id, "confirm"),
            lambda answer: _grant(answer).value(),
            body=lambda: _json(proof=_shown(proof), version=version),
        )

    def link(self, **values: Any) -> Invitation:
        """POST an invitation."""
        body = link_body(**values)
        return self._ask("POST", "links", lambda answer: _invitation(answer).value(), body=lambda: body)


def link_body(
    *,
    owner: str,
    client: str,
    expires_in: timedelta,
    expect: str | Expectation | None,
    confirm: Confirm,
    return_to: str,
    picker: Picker | None,
    language: str,
    message: str,
    grant_id: str | None,
    other_account: Literal["refuse", "add"],
    code: bool,
) -> bytes:
    """Return the body of a POST to /v1/links; raises InvalidInput for what JSON cannot hold."""
    return _json(
        owner=owner,
        client=client,
        expires_in=int(expires_in.total_seconds()),
        expect=dataclasses.asdict(expect) if isinstance(expect, Expectation) else expect,
        confirm=confirm,
        return_to=return_to,
        picker=None if picker is None else dataclasses.asdict(picker),
        language=language,
        message=message,
        grant_id=grant_id,
        other_account=other_account,
        code=code,
    )


def only(found: list[Grant], owner: str, client: str) -> Grant:
    """Return the one grant that was found; raises, and passes over who waits, as `Keeper.find`."""
    found = [grant for grant in found if grant.confirmed] or found
    if not found:
        raise NotFound(
            f"{printable(owner, 255)!r} has no grant at {printable(client, 64)!r}.",
            advice="Send its owner through begin(), or a link.",
        )
    if len(found) > 1:
        names = ", ".join(f"{grant.person} ({grant.id})" for grant in found[:NAMED])
        more = ", …" if len(found) > NAMED else ""
        raise InvalidInput(
            f"{owner!r} has {len(found)} grants at {client!r}: {names}{more}.",
            advice="Name one by email or subject, or take one of grants().",
        )
    return found[0]


def _shown(proof: str | Secret | None) -> str | None:
    return proof.reveal() if isinstance(proof, Secret) else proof


def _json(**members: Any) -> bytes:
    """Return a JSON object of what is given; raises InvalidInput."""
    try:
        return msgspec.json.encode({name: value for name, value in members.items() if value is not None})
    except (TypeError, ValueError, OverflowError):
        names = ", ".join(members)
    raise InvalidInput(f"One of {names} is not of a type that it can have, or has characters that are none.")
