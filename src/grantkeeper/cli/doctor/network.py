"""Checks of the way to the provider: do its endpoints answer, does its clock agree with ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from grantkeeper.errors import ProviderUnavailable
from grantkeeper.model import Request

from .finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from grantkeeper.model import Provider, Transport

_DEADLINE: Final = timedelta(seconds=10)
_NOTICEABLE: Final = timedelta(seconds=10)
"""An HTTP date has whole seconds and may be some seconds old; beyond this the clock itself is off."""
_HARMFUL: Final = timedelta(seconds=60)
"""What an id_token's times may be off (facts/security: skew 60 s); beyond it nobody can connect."""


def check_providers(
    providers: Iterable[Provider], transport: Transport, now: Callable[[], datetime]
) -> Iterator[Finding]:
    """Call each host of each provider once; any HTTP answer will do. Nothing secret is sent."""
    for provider in {each.issuer: each for each in providers}.values():
        dates = []
        for host, url in sorted(_hosts(provider).items()):
            try:
                answer = transport.send(Request(method="GET", url=url), deadline=_DEADLINE)
            except ProviderUnavailable as error:
                advice = "Check the network, DNS, the firewall, `proxy` and `ca_file`."
                yield problem(provider.name, f"{host} cannot be reached: {error.args[0]}", advice)
                continue
            yield ok(provider.name, f"{host} answers.")
            dates.append((answer.headers.get("date", ""), now()))
        if dates:
            yield check_clock(*dates[-1])


def check_clock(date: str, now: datetime) -> Finding:
    """Compare the clock with an answer's Date (RFC 9110 6.6.1)."""
    try:
        theirs = parsedate_to_datetime(date).astimezone(UTC)
    except ValueError:
        return warning(
            "clock", "The provider's answer has no usable Date to compare with.", "Check the clock yourself."
        )
    off = abs(now - theirs)
    seconds = round(off.total_seconds())
    if off < _NOTICEABLE:
        return ok("clock", f"Agrees with the provider's to {max(seconds, 1)} s.")
    text = f"This machine's clock is {seconds} s {'ahead of' if now > theirs else 'behind'} the provider's."
    if off <= _HARMFUL:
        return warning("clock", text, "Set it by NTP.")
    return problem("clock", f"{text} Consents are refused beyond 60 s.", "Set it by NTP.")


def _hosts(provider: Provider) -> dict[str, str]:
    """Return host -> one address there, for the endpoints that this machine calls or sends browsers to."""
    urls = (
        provider.authorization_endpoint,
        provider.revocation_endpoint,
        provider.token_endpoint,
        provider.jwks_uri,
    )
    return {urlsplit(url).netloc: url for url in urls if url}
