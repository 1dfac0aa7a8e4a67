"""Who gives access: an authorization server, and our application as registered there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, TypeAlias

from ..errors import ProviderWords
from .grant import Reason
from .secret import Secret

Rotation: TypeAlias = Literal["none", "grace", "strict", "unknown"]
"""What a provider does with a used refresh token: keep it, keep it for a while, kill it at once, or nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """What a provider's refusal means for a grant: it is over, for `reason`.

    `certain` is False when the words do not say so for sure (Google's bare `Bad Request`): a second refusal has
    to confirm it.
    """

    reason: Reason
    certain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An authorization server, as data. Names are those of RFC 8414 and OpenID Connect Discovery 1.0 section 3.

    Every quirk is a field here with its source in `providers/<name>.py`; no other module knows a provider's name.
    """

    name: str
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    jwks_uri: str | None = None
    title: str = ""
    """What people call it (`Google`); `name` when empty."""
    manage_url: str | None = None
    """The provider's own page where people see and end the access they gave."""
    hosted_domains: bool = False
    """True when its id_tokens name the organisation that a login belongs to (Google: the claim `hd`)."""
    api_url: str | None = None
    """Where all its APIs are reached instead of at hosts of their own: an emulator's base URL."""
    scope_words: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Scope -> what it lets the application do, in a few words for people."""
    issuer_aliases: tuple[str, ...] = ()
    """Other values of `iss` that its id_tokens may carry (Google: `accounts.google.com`)."""
    id_token_algorithms: tuple[str, ...] = ("RS256",)
    iss_parameter: Literal["optional", "required"] = "optional"
    """`required` when the metadata has authorization_response_iss_parameter_supported (RFC 9207 3)."""
    client_authentication: Literal["client_secret_post", "client_secret_basic"] = "client_secret_post"
    identity_scopes: tuple[str, ...] = ("openid", "email")
    """Asked in addition, always: a grant belongs to a person (issuer, subject)."""
    scope_separator: str = " "
    scope_aliases: Mapping[str, str] = field(default_factory=dict)
    """Scope as asked -> scope as answered (Google: email -> .../auth/userinfo.email)."""
    authorization_parameters: Mapping[str, str] = field(default_factory=dict)
    """Sent with every authorization request (Google: access_type=offline, include_granted_scopes=true)."""
    force_consent_parameters: Mapping[str, str] = field(default_factory=dict)
    """Added when a refresh token must come back (Google: prompt=consent)."""
    choose_account_parameters: Mapping[str, str] = field(default_factory=dict)
    """Added when another account is to be connected (Google: prompt=select_account)."""
    rotation: Rotation = "unknown"
    rotation_grace: timedelta | None = None
    """How long a replaced refresh token still works, when `rotation` is `grace`; None when that is not known."""
    access_tokens_stay: bool = False
    """True when a refresh leaves the access tokens from before as they are, until their own end."""
    sibling_refresh_tokens: bool = False
    """True when one refresh token may serve several grants of the same person and OAuth client."""
    testing_lifetime: timedelta | None = None
    """How long refresh tokens live while the application is being tested (Google: seven days)."""
    idle_lifetime: timedelta | None = None
    """How long a refresh token lives that nobody uses (Google: six months); None when that is not known."""
    refresh_token_cap: int | None = None
    """How many refresh tokens of one person at one OAuth client live at a time (Google: 100); the oldest die silently.
    None when that is not known."""
    deaths: Callable[[ProviderWords], Death | None] = field(default=lambda _words: None, repr=False)
    """Which refusal of a refresh means that the grant is over, and why; None when it does not."""
    revocation_group: Callable[[str], str] = field(default=lambda client_id: client_id, repr=False)
    """client_id -> what a revocation ends together (Google: every client of the Cloud project)."""

    @property
    def called(self) -> str:
        """What people call it."""
        return self.title or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """The business's application as registered at a provider.

    `client_secrets` is oldest to newest, the newest is used first. `scopes` are required, `optional_scopes` are asked
    too but a grant without them is active. `redirect_uri` is one per OAuthClient (RFC 9700 2.1, 4.4).
    """

    name: str
    provider: Provider
    client_id: str
    client_secrets: tuple[Secret, ...]
    redirect_uri: str
    scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...] = ()
    kind: Literal["web", "installed"] = "web"
