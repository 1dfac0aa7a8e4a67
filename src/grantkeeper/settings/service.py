"""`[service]`: how `grantkeeper serve` runs, and what its pages say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How operators sign in with OpenID Connect, beside one-time links.

    `client` is the name of a `[clients.NAME]` whose client id and secret are used, `redirect_uri` an address of the
    service that is registered for it. Who has an e-mail address in `domains` (verified; at Google also the hosted
    domain) or in `emails` may sign in, with the role that `emails` says, else `role`.
    """

    client: str
    redirect_uri: str
    domains: tuple[str, ...] = ()
    emails: Mapping[str, str] = field(default_factory=dict)
    role: str = "viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What the service is told. Every value has a default, so that a script needs none.

    `url` is where people reach it, without a slash at its end; "" until it is set. `return_to` are the origins to which
    a person may be led back; `trusted_proxies` the networks whose X-Forwarded-For counts, none by default;
    `webhook_private_hosts` the hosts in private networks that events may be posted to.
    `requests_per_minute` is for each API key, and for each address without one; `distinct_grants_per_minute` how many
    different grants' tokens a key may read unless it says otherwise. `logo` is a file (SVG or PNG), `colour` `#rrggbb`.
    `checks` says whether grants that nobody uses are looked at once a day, `refreshes_per_second` how many a worker
    begins for an OAuth client.
    """

    url: str = ""
    business_name: str = ""
    language: str = "en"
    logo: Path | None = None
    colour: str = ""
    text: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    return_to: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    webhook_private_hosts: tuple[str, ...] = ()
    requests_per_minute: int = 6000
    distinct_grants_per_minute: int = 600
    open_metrics: bool = False
    checks: Literal["daily", "off"] = "daily"
    refreshes_per_second: int = 50
    sign_in: SignIn | None = None

    def callback(self, client: str) -> str:
        """Return where the service expects browsers back that consented at this OAuth client; "" without a `url`."""
        return f"{self.url}/callback/{client}" if self.url else ""
