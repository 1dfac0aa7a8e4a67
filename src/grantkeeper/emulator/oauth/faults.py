"""Faults that wait for their turn: what goes wrong with the next requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from grantkeeper.emulator.wire import Response

RotationKind = Literal["none", "grace", "strict"]
Claims = dict[str, Any]
TokenAnswer = Callable[[dict[str, Any]], "dict[str, Any] | bytes"]
IdToken = Callable[[Claims, dict[str, Any]], "tuple[Claims, dict[str, Any]] | str"]
Redirected = Callable[[list[tuple[str, str]]], list[tuple[str, str]]]


class AnswerLost(ConnectionError):
    """The work was done, and the connection was closed before the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How refresh tokens rotate, and whether using one that is used up ends those that followed. Google's do not."""

    kind: RotationKind = "none"
    grace: timedelta = timedelta(0)
    reuse_ends_family: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What shall happen to one request: answered with `instead`, answered late, or its answer lost."""

    instead: Response | None = None
    late: timedelta = timedelta(0)
    lost: bool = False


@dataclass(slots=True)
class _Armed:
    left: int
    path: str
    trouble: Trouble


@dataclass(slots=True)
class _Refusal:
    left: int
    api: str
    code: str
    account: str | None


@dataclass(slots=True)
class Faults:
    """What is armed. Every method expects the emulator's lock to be held."""

    rotation: Rotation = field(default_factory=Rotation)
    only: frozenset[str] | None = None
    no_refresh_token: int = 0
    rapt: set[str] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)
    blocked: set[tuple[str, str]] = field(default_factory=set)
    deleted_clients: set[str] = field(default_factory=set)
    _armed: list[_Armed] = field(default_factory=list)
    _refusals: list[_Refusal] = field(default_factory=list)
    _token_answers: list[TokenAnswer] = field(default_factory=list)
    _id_tokens: list[IdToken] = field(default_factory=list)
    _redirects: list[Redirected] = field(default_factory=list)

    def arm(self, trouble: Trouble, path: str, times: int) -> None:
        """Let the trouble happen to the next requests at the path."""
        self._armed.append(_Armed(times, path, trouble))

    def take(self, path: str) -> Trouble:
        """Return what shall happen to this request; troubles of different kinds come together."""
        due: dict[str, Trouble] = {}
        for each in self._armed:
            kind = "instead" if each.trouble.instead else "lost" if each.trouble.lost else "late"
            if each.path == path and each.left > 0 and kind not in due:
                each.left -= 1
                due[kind] = each.trouble
        self._armed = [each for each in self._armed if each.left > 0]
        none = Trouble()
        return Trouble(
            instead=due.get("instead", none).instead, late=due.get("late", none).late, lost=due.get("lost", none).lost
        )

    def refuse(self, api: str, code: str, times: int, account: str | None) -> None:
        """Let the next calls of an API, or those that name the account, be refused with the code."""
        if times > 0:
            self._refusals.append(_Refusal(times, api, code, account))

    def take_refusal(self, api: str, account: str) -> str | None:
        """Return the code with which this call is refused, if it is; `account` is empty when the call names none."""
        due = next((each for each in self._refusals if each.api == api and each.account in (None, account)), None)
        if due is None:
            return None
        due.left -= 1
        self._refusals = [each for each in self._refusals if each.left > 0]
        return due.code

    def tamper(
        self,
        times: int,
        *,
        token_answer: TokenAnswer | None = None,
        id_token: IdToken | None = None,
        redirect: Redirected | None = None,
    ) -> None:
        """Let the functions change the next answers of their kind."""
        self._token_answers += [token_answer] * times if token_answer else []
        self._id_tokens += [id_token] * times if id_token else []
        self._redirects += [redirect] * times if redirect else []

    def take_token_answer(self) -> TokenAnswer | None:
        """Return what changes this token answer, if anything."""
        return self._token_answers.pop(0) if self._token_answers else None

    def take_id_token(self) -> IdToken | None:
        """Return what changes this id_token, if anything."""
        return self._id_tokens.pop(0) if self._id_tokens else None

    def take_redirect(self) -> Redirected | None:
        """Return what changes the parameters of this redirect, if anything."""
        return self._redirects.pop(0) if self._redirects else None

    def take_refresh_token(self) -> bool:
        """Tell whether this answer must do without a refresh token."""
        if self.no_refresh_token <= 0:
            return False
        self.no_refresh_token -= 1
        return True
