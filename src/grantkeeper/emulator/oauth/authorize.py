"""The authorization endpoint: who are you, may this client, and back to it with a code (RFC 6749 section 4.1)."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from grantkeeper.emulator import pages, wire
from grantkeeper.emulator.oauth import scopes as catalogue
from grantkeeper.emulator.oauth.request import Ask, ShownError, read
from grantkeeper.emulator.state import Code, Consent

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Request, Response
    from grantkeeper.emulator.world import Person

COOKIE = "emulator_session"
START = "/o/oauth2/v2/auth"
ACCOUNT = f"{START}/account"
CONSENT = f"{START}/consent"
_ATTEMPT_LIFE = timedelta(hours=1)
_OUT_OF_DATE = "This page is out of date. Go back to the app and start again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One browser's way through the pages. `token` protects its forms; `sub` is who was chosen."""

    id: str
    token: str = field(repr=False)
    session: str = field(repr=False)
    ask: Ask
    started_at: datetime
    sub: str = ""


def start(emulator: Emulator, request: Request) -> Response:
    """Answer the authorization request itself."""
    if request.method != "GET":
        return pages.error(emulator, ShownError(405, "method_not_allowed", "Open this address in a browser."))
    try:
        ask = read(emulator, request)
        session = request.cookie(COOKIE)
        if session not in emulator.state.sessions:
            session = secrets.token_urlsafe(32)
            emulator.state.sessions[session] = ()
        response = _first_page(emulator, ask, session)
    except ShownError as error:
        return pages.error(emulator, error)
    return response.with_headers([("set-cookie", f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax")])


def account(emulator: Emulator, request: Request) -> Response:
    """Show the account chooser of an attempt again, or take the choice."""
    try:
        attempt = _attempt(emulator, request)
        if request.method != "POST":
            return _chooser(emulator, attempt)
        person = _somebody(emulator, request.form().get("person"))
        signed_in = emulator.state.sessions[attempt.session]
        if person.sub not in signed_in:
            emulator.state.sessions[attempt.session] = (*signed_in, person.sub)
        return _arrived(emulator, attempt, person)
    except ShownError as error:
        return pages.error(emulator, error)


def consent(emulator: Emulator, request: Request) -> Response:
    """Show the consent page of an attempt, or take the decision."""
    try:
        attempt = _attempt(emulator, request)
        person = _somebody(emulator, attempt.sub)
        if request.method != "POST":
            return _consent_page(emulator, attempt, person, ticked="all" in request.query)
        _admit(emulator, attempt.ask, person)
    except ShownError as error:
        return pages.error(emulator, error)
    del emulator.state.attempts[attempt.id]
    if request.form().get("action") != "allow":
        return _back(emulator, attempt.ask, [("error", "access_denied")])
    boxes, already = _offered(emulator, attempt.ask, person)
    chosen = frozenset(request.form().all("scope")) & boxes if _granular(boxes) else boxes
    return _grant(
        emulator, attempt.ask, person, chosen | (attempt.ask.scopes & catalogue.SIGN_IN) | already, shown=True
    )


def _somebody(emulator: Emulator, sub: str) -> Person:
    person = emulator.world.person(sub)
    if person is None:
        raise ShownError(400, "invalid_request", "Choose an account first.")
    return person


def _first_page(emulator: Emulator, ask: Ask, session: str) -> Response:
    signed_in = emulator.state.sessions[session]
    hinted = emulator.world.person(ask.login_hint) if ask.login_hint else None
    if hinted and hinted.sub not in signed_in:
        hinted = None
    known = hinted or (emulator.world.person(signed_in[0]) if len(signed_in) == 1 and not ask.login_hint else None)
    if "none" in ask.prompts:
        if known is None or not _covered(emulator, ask, known):
            return _back(emulator, ask, [("error", "interaction_required")])
        _admit(emulator, ask, known)
        return _grant(emulator, ask, known, ask.scopes, shown=False)
    attempt = _new_attempt(emulator, ask, session)
    if "select_account" not in ask.prompts:
        if hinted:
            return _arrived(emulator, attempt, hinted)
        if known and not ask.prompts and _covered(emulator, ask, known):
            return _arrived(emulator, attempt, known)
    return _chooser(emulator, attempt)


def _new_attempt(emulator: Emulator, ask: Ask, session: str) -> Attempt:
    now = emulator.clock.now()
    for old in list(emulator.state.attempts.values()):
        if old.started_at < now - _ATTEMPT_LIFE:
            del emulator.state.attempts[old.id]
    attempt = Attempt(
        id=secrets.token_urlsafe(12), token=secrets.token_urlsafe(24), session=session, ask=ask, started_at=now
    )
    emulator.state.attempts[attempt.id] = attempt
    return attempt


def _attempt(emulator: Emulator, request: Request) -> Attempt:
    """Return the attempt that the request belongs to; a form must carry the token that its page was given."""
    params = request.form() if request.method == "POST" else request.query
    attempt = emulator.state.attempts.get(params.get("attempt"))
    fresh = attempt is not None and attempt.started_at >= emulator.clock.now() - _ATTEMPT_LIFE
    if attempt is None or not fresh or not hmac.compare_digest(attempt.session, request.cookie(COOKIE)):
        raise ShownError(400, "invalid_request", _OUT_OF_DATE)
    if request.method == "POST" and not hmac.compare_digest(attempt.token.encode(), params.get("token").encode()):
        raise ShownError(400, "invalid_request", _OUT_OF_DATE)
    return attempt


def _arrived(emulator: Emulator, attempt: Attempt, person: Person) -> Response:
    _admit(emulator, attempt.ask, person)
    if "consent" not in attempt.ask.prompts and _covered(emulator, attempt.ask, person):
        del emulator.state.attempts[attempt.id]
        return _grant(emulator, attempt.ask, person, attempt.ask.scopes, shown=False)
    emulator.state.attempts[attempt.id] = replace(attempt, sub=person.sub)
    return wire.redirect(f"{CONSENT}?{urlencode({'attempt': attempt.id})}", 303)


def _admit(emulator: Emulator, ask: Ask, person: Person) -> None:
    if person.sub in emulator.faults.suspended:
        raise ShownError(403, "account_disabled", f"The account {person.email} has been disabled.")
    if ask.project.publishing == "testing" and person.email not in ask.project.test_users:
        said = (
            f"{ask.project.name} has not completed the Google verification process. The app is currently being tested, "
            "and can only be accessed by developer-approved testers."
        )
        raise ShownError(403, "access_denied", said, advice="Add this person to the project's test_users.")
    if any((person.sub, scope) in emulator.faults.blocked for scope in ask.scopes):
        said = "Access to your account data is restricted by policies within your organization."
        raise ShownError(400, "admin_policy_enforced", said)


def _covered(emulator: Emulator, ask: Ask, person: Person) -> bool:
    given = emulator.state.consents.get((person.sub, ask.client.id))
    return given is not None and ask.scopes <= given.scopes and (given.offline or not ask.offline)


def _offered(emulator: Emulator, ask: Ask, person: Person) -> tuple[frozenset[str], frozenset[str]]:
    """Return the scopes to decide on, and those that the client has already and keeps."""
    asked = ask.scopes - catalogue.SIGN_IN
    given = emulator.state.consents.get((person.sub, ask.client.id))
    if given is None or "consent" in ask.prompts or asked <= given.scopes:
        return asked, frozenset()
    return asked - given.scopes, asked & given.scopes


def _granular(boxes: frozenset[str]) -> bool:
    """Tell whether each scope gets a check box: for more than one that is not about signing in."""
    return len(boxes) > 1


def _chooser(emulator: Emulator, attempt: Attempt) -> Response:
    signed_in = emulator.state.sessions[attempt.session]
    first = [each for each in emulator.world.people if each.sub in signed_in]
    others = [each for each in emulator.world.people if each.sub not in signed_in]
    hinted = emulator.world.person(attempt.ask.login_hint) if attempt.ask.login_hint else None
    domain = attempt.ask.hd
    if hinted:
        first, others = [hinted], [each for each in (*first, *others) if each != hinted]
    elif domain:
        fits = [each for each in (*first, *others) if each.hd and domain in ("*", each.hd)]
        first, others = fits, [each for each in (*first, *others) if each not in fits]
    return pages.page(
        emulator, "chooser.html", attempt=attempt, action=ACCOUNT, first=first, others=others, signed_in=signed_in
    )


def _consent_page(emulator: Emulator, attempt: Attempt, person: Person, *, ticked: bool) -> Response:
    boxes, already = _offered(emulator, attempt.ask, person)
    words = catalogue.CATALOGUE
    return pages.page(
        emulator,
        "consent.html",
        attempt=attempt,
        action=CONSENT,
        account_url=f"{ACCOUNT}?{urlencode({'attempt': attempt.id})}",
        consent_url=f"{CONSENT}?{urlencode({'attempt': attempt.id})}",
        person=person,
        boxes=sorted((scope, words[scope]) for scope in boxes),
        already=sorted(words[scope] for scope in already),
        sign_in=sorted(words[scope] for scope in attempt.ask.scopes & catalogue.SIGN_IN),
        granular=_granular(boxes),
        ticked=ticked,
        site=urlsplit(attempt.ask.redirect_uri).netloc,
    )


def _grant(emulator: Emulator, ask: Ask, person: Person, chosen: frozenset[str], *, shown: bool) -> Response:
    """Remember what was allowed and send the browser back with a code."""
    allowed = chosen if emulator.faults.only is None else chosen & emulator.faults.only
    if not allowed:
        return _back(emulator, ask, [("error", "access_denied")])
    consents = emulator.state.consents
    given = consents.get((person.sub, ask.client.id), Consent(scopes=frozenset(), offline=False))
    consents[(person.sub, ask.client.id)] = Consent(
        scopes=given.scopes | allowed, offline=given.offline or (ask.offline and shown)
    )
    if ask.incremental:
        allowed |= emulator.project_scopes(person.sub, ask.project.id)
    code = Code(
        value="4/0A" + secrets.token_urlsafe(60),
        client_id=ask.client.id,
        sub=person.sub,
        redirect_uri=ask.redirect_uri,
        scopes=allowed,
        nonce=ask.nonce,
        challenge=ask.challenge,
        challenge_method=ask.challenge_method,
        refreshable=ask.offline and shown,
        issued_at=emulator.clock.now(),
    )
    emulator.state.new_code(code)
    answer = [("iss", emulator.issuer), ("code", code.value), ("scope", catalogue.line(allowed)), ("authuser", "0")]
    answer += [("hd", person.hd)] if person.hd else []
    return _back(emulator, ask, [*answer, ("prompt", "consent" if shown else "none")])


def _back(emulator: Emulator, ask: Ask, answer: list[tuple[str, str]]) -> Response:
    """Redirect to the client; `state` goes back unchanged (RFC 6749 section 4.1.2)."""
    params = answer if ask.state is None else [("state", ask.state), *answer]
    tamper = emulator.faults.take_redirect()
    if tamper:
        params = tamper(params)
    parts = urlsplit(ask.redirect_uri)
    query = "&".join(part for part in (parts.query, urlencode(params)) if part)
    return wire.redirect(parts._replace(query=query).geturl(), headers=[("cache-control", "no-store")])
