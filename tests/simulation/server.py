"""What a seed draws: a small model of an authorization server, and what goes wrong on the way to it and elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, Final, Literal

from grantkeeper.errors import ProviderWords
from grantkeeper.model import Death, OAuthClient, Provider, Reason, Rotation, Secret
from simulation.baton import SECOND

TOKEN_URL: Final = "https://as.test/token"
REVOKE_URL: Final = "https://as.test/revoke"
CANARY: Final = "kAnArY"
"""In everything that is secret: where it turns up, something leaked."""

Kind = Literal["none", "grace", "strict"]


@dataclass(slots=True, eq=False)
class Family:
    """The refresh tokens of one consent; `cause` says why all of them are dead."""

    owner: str
    number: int
    cause: Literal["", "person", "keeper", "reuse", "consent"] = ""


@dataclass(slots=True, eq=False)
class RefreshToken:
    """One of them: `depth` refreshes after the consent."""

    value: str
    family: Family
    depth: int
    used_at: int | None = None
    successor: RefreshToken | None = None
    refusals: list[tuple[int, bool]] = field(default_factory=list)
    """When it was refused, and whether in words that are certain."""


@dataclass(slots=True, eq=False)
class Access:
    """An access token, and when it ends by true time."""

    owner: str
    ends_at: int
    skew: int
    """How wrong the clock of the process was that asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How this server treats used refresh tokens."""

    kind: Kind
    grace: int = 0
    idempotent: bool = False
    detects_reuse: bool = False
    lifetime: int = 600 * SECOND


def deaths(words: ProviderWords) -> Death | None:
    """What its refusals mean."""
    if words.error != "invalid_grant":
        return None
    return Death(reason=Reason.REVOKED_OR_EXPIRED, certain=words.description != "perhaps")


class Server:
    """The server. Every request is handled at one instant."""

    def __init__(self, manner: Manner, now: Callable[[], int]) -> None:
        self.manner, self._now = manner, now
        self.tokens: dict[str, RefreshToken] = {}
        self.accesses: dict[str, Access] = {}
        self.families: dict[str, Family] = {}
        self.refuses_all_until = 0
        self.down_until = 0
        self._numbers = count(1)

    def consent(self, owner: str, skew: int) -> tuple[RefreshToken, str]:
        """Let a person consent; what they gave before ends."""
        if (old := self.families.get(owner)) is not None and not old.cause:
            old.cause = "consent"
        family = self.families[owner] = Family(owner, next(self._numbers))
        return self._issue(family, 0), self._access(owner, skew)

    def end(self, owner: str, cause: Literal["person", "keeper"]) -> None:
        """Let a person, or the keeper, withdraw a consent."""
        family = self.families.get(owner)
        if family is not None and family.cause in {"", "reuse"}:
            family.cause = cause

    def refresh(self, value: str, skew: int) -> tuple[int, dict[str, Any]]:
        """Answer a refresh."""
        token = self.tokens.get(value)
        if token is None or self._now() < self.refuses_all_until:
            return self.refuse(token)
        if not self.accepts(token):
            if token.used_at is not None and self.manner.detects_reuse and not token.family.cause:
                token.family.cause = "reuse"
            return self.refuse(token)
        answer: dict[str, Any] = {"token_type": "Bearer", "expires_in": self.manner.lifetime // SECOND}
        answer["access_token"] = self._access(token.family.owner, skew)
        if self.manner.kind != "none":
            answer["refresh_token"] = self._successor(token).value
        return 200, answer

    def refuse(self, token: RefreshToken | None, *, certain: bool = True) -> tuple[int, dict[str, Any]]:
        """Refuse a token, whatever its state."""
        if token is not None:
            token.refusals.append((self._now(), certain))
        return 400, {"error": "invalid_grant", "error_description": "revoked" if certain else "perhaps"}

    def accepts(self, token: RefreshToken) -> bool:
        """Tell whether a refresh with this token would bring tokens now."""
        if token.family.cause:
            return False
        if self.manner.kind == "none" or token.used_at is None:
            return True
        return self.manner.kind == "grace" and self._now() - token.used_at <= self.manner.grace

    def is_good(self, token: RefreshToken) -> bool:
        """Tell whether this token works for good, until it is used."""
        return not token.family.cause and (self.manner.kind == "none" or token.used_at is None)

    def cause(self, token: RefreshToken) -> str:
        """Return why a token is dead, "" when it is not."""
        if token.family.cause:
            return token.family.cause
        return "" if self.accepts(token) else "rotated"

    def _successor(self, token: RefreshToken) -> RefreshToken:
        if token.used_at is None:
            token.used_at = self._now()
        if token.successor is None or not self.manner.idempotent:
            token.successor = self._issue(token.family, token.depth + 1)
        return token.successor

    def _issue(self, family: Family, depth: int) -> RefreshToken:
        value = f"rt-{CANARY}-{family.owner}-{family.number}-{depth}-{next(self._numbers)}"
        token = self.tokens[value] = RefreshToken(value, family, depth)
        return token

    def _access(self, owner: str, skew: int) -> str:
        value = f"at-{CANARY}-{owner}-{next(self._numbers)}"
        self.accesses[value] = Access(owner, self._now() + self.manner.lifetime, skew)
        return value


NOT_HANDLED: Final = ("not sent", "lost", "500 before", "429", "vague", "certain")
HANDLED: Final = ("answer lost", "answer lost", "500 after", "garbage", "odd")


@dataclass(slots=True, kw_only=True)
class Faults:
    """How often what goes wrong, per seam."""

    crash: float = 0.0
    stall: float = 0.0
    outage: float = 0.0
    database_before: float = 0.0
    database_after: float = 0.0
    database_latency: int = 1000
    trouble: float = 0.0
    kinds: tuple[str, ...] = ("",)

    @classmethod
    def drawn(cls, rng: Random) -> Faults:
        """Return those of one seed: some kinds often, others never."""

        def some(*rates: float) -> float:
            return rng.choice((0.0, *rates))

        kinds = NOT_HANDLED + HANDLED
        return cls(
            crash=some(0.003, 0.01, 0.03),
            stall=some(0.002, 0.01, 0.02),
            outage=some(0.0, 0.002, 0.01),
            database_before=some(0.0, 0.01, 0.05),
            database_after=some(0.0, 0.01, 0.05),
            database_latency=rng.choice((0, 1000, 20_000)),
            trouble=some(0.1, 0.3, 0.6),
            kinds=tuple(rng.sample(kinds, rng.randint(1, len(kinds)))),
        )

    def of_send(self, rng: Random) -> str:
        """Return what goes wrong with a request, "" for nothing."""
        return rng.choice(self.kinds) if rng.random() < self.trouble else ""


@dataclass(slots=True)
class Plan:
    """What kind of seed it is."""

    manner: Manner
    rotation: Rotation
    processes: int
    tasks: int
    actions: int
    grants: int
    mass: bool

    @classmethod
    def drawn(cls, rng: Random) -> Plan:
        """Draw one."""
        mass = rng.random() < 0.03
        lifetime = rng.choice((600, 900, 3600)) * SECOND
        kinds: tuple[Kind, ...] = ("strict", "strict", "grace", "none")
        kind = rng.choice(kinds)
        grace = rng.choice((5, 60, 1800)) * SECOND
        manner = Manner(
            kind=kind,
            grace=grace,
            idempotent=rng.random() < 0.5,
            detects_reuse=rng.random() < 0.6,
            lifetime=lifetime,
        )
        rotation: Rotation = "unknown" if kind != "none" and rng.random() < 0.2 else kind
        if mass:
            return cls(manner, rotation, 1, 2, 0, 13, mass=True)
        return cls(
            manner, rotation, rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 4), rng.choice((1, 1, 2, 3)), False
        )


def client_of(rotation: Rotation) -> OAuthClient:
    """Return the OAuth client of a simulation."""
    provider = Provider(
        name="as",
        issuer="https://as.test",
        authorization_endpoint="https://as.test/authorize",
        token_endpoint=TOKEN_URL,
        revocation_endpoint=REVOKE_URL,
        rotation=rotation,
        deaths=deaths,
    )
    return OAuthClient(
        name="client",
        provider=provider,
        client_id="client",
        client_secrets=(Secret(f"secret-{CANARY}"),),
        redirect_uri="https://app.test/callback",
        scopes=("ads",),
    )
