"""Keeper: the verbs, over a database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self, get_args

from ..errors import InvalidInput, check_word
from ..journal import Journal
from ..model import (
    DEFAULT_MIN_TTL,
    AccessToken,
    Grant,
    OAuthClient,
    Picker,
    Redirect,
    Revocation,
    Sealer,
    Secret,
    Sharing,
    Store,
    Transport,
)
from ..tracing import OFF, Tracing, configured, traced
from .accounts.looking import Looking
from .accounts.reach import Reach
from .accounts.verbs import AccountVerbs
from .accounts.waiting import LookToken
from .audit.auditing import Auditing
from .audit.erasing import EndOfOwner
from .audit.verbs import AuditVerbs
from .authority import Authority
from .consent.consents import Consents
from .consent.flows import Flows, OtherAccount
from .files.adopting import Adopting
from .files.handing_out import Export, HandingOut
from .files.verbs import FileVerbs
from .grants import GrantVerbs
from .inputs import checked_hint, checked_owner, chosen_redirect_uri
from .links.linking import Linking
from .links.verbs import LinkVerbs
from .operators.desk import OperatorDesk
from .operators.overview import Overview
from .parts import Parts
from .refresh.leases import LEASE
from .refresh.refusals import Closed
from .revoking import Revoking, Siblings
from .service.answers import KeptAnswers
from .service.health import Health
from .service.keys import ApiKeys
from .service.posting import PUBLIC_ONLY, Outlet
from .service.webhooks import WebhookDesk
from .service.working import Working
from .tokens.refreshes import Refreshes
from .tokens.upkeep import UpkeepVerbs
from .vault import Vault

if TYPE_CHECKING:
    from ..settings import Settings


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Keeper(GrantVerbs, AccountVerbs, AuditVerbs, FileVerbs, LinkVerbs, UpkeepVerbs):
    """Keeps the grants of a business's clients and hands out access tokens that are valid.

    Thread-safe; make one per process and share it. A context manager: leaving it closes the database and HTTP pools.

    Args:
        store: the database, see `grantkeeper.store.SqlStore`.
        sealer: seals what is secret in it, see `grantkeeper.seal.KeyRing`.
        clients: the OAuth clients of the business, with distinct names.
        transport: sends requests to providers, see `grantkeeper.http.HttpTransport`.
        now: the clock, aware and in UTC; for tests.
        max_stale: how long a token in memory is handed out without a look at its row, and so how long a revocation by
            another process may take to be seen here.
        journal: where answers of providers are kept that the database does not take, see `grantkeeper.journal`.
            Without one they are in memory only until it does.
        rotated: called when a refresh token was saved that replaces another, see `grantkeeper.installation`.
        lease: how long a refresh may take before another process does it instead; longer than any call.
        pause: waits so long; for tests that move time by hand.
        export_refresh_tokens: `allowed` lets `hand_out` give refresh tokens away; by default nothing does.
        pages_url: where people reach the service, for the addresses of links.
        return_to: the origins to which a link may lead its person back.
        outlet: how events are posted to webhooks; by default to public addresses only.
        tracing: where spans go, see `grantkeeper.tracing`; by default there are none.

    Raises:
        InvalidInput: two clients share a name.
        Misconfigured: the database is not ready for this version of grantkeeper.
    """

    def __init__(
        self,
        *,
        store: Store,
        sealer: Sealer,
        clients: Iterable[OAuthClient],
        transport: Transport,
        now: Callable[[], datetime] = _utc_now,
        max_stale: timedelta = timedelta(seconds=1),
        journal: Journal | None = None,
        rotated: Callable[[], object] = lambda: None,
        lease: timedelta = LEASE,
        pause: Callable[[timedelta], None] | None = None,
        export_refresh_tokens: Export = "refused",
        pages_url: str = "",
        return_to: Iterable[str] = (),
        outlet: Outlet = PUBLIC_ONLY,
        tracing: Tracing = OFF,
    ) -> None:
        self._clients, self._store, self.tracing = _by_name(clients), store, tracing
        self._authority, self._closing = Authority(traced(tracing, transport), now), threading.Event()
        parts = Parts(
            store=store,
            vault=Vault(sealer, store.installation()),
            authority=self._authority,
            clients=self._clients,
            now=now,
            pause=pause or self._pause,
            journal=journal,
            rotated=rotated,
            mac=sealer.sign,
            signed=sealer.signed,
            tracing=tracing,
        )
        self.health, self.webhooks = Health(parts), WebhookDesk(parts, outlet)
        self._refreshes = Refreshes(parts, max_stale=max_stale, lease=lease, health=self.health)
        self._tokens, memory = self._refreshes.tokens, self._refreshes.memory
        self._flows = Flows(parts, client=self.client, consents=Consents(parts, saved=memory.hold))
        self.links = Linking(parts, flows=self._flows, client=self.client, pages_url=pages_url, return_to=return_to)
        self._open_desks(parts, export_refresh_tokens)

    def _open_desks(self, parts: Parts, export: Export) -> None:
        """Make what is asked of accounts and of the service, beside the verbs about tokens."""
        self._now = parts.now
        memory = self._refreshes.memory
        self._handing_out = HandingOut(parts, export=export)
        self._adopting = Adopting(parts, client=self.client, saved=memory.hold, refresh=self.refresh)
        self._revoking = Revoking(parts, forget=memory.forget)
        self._end_of_owner = EndOfOwner(parts, links=self.links, revoking=self._revoking)
        token = LookToken(parts, self._refreshes.token)
        looking = Looking(parts, token=token, report_rejected=self.report_rejected)
        self._reach = Reach(parts, looking=looking, get=self.get)
        self.keys, self.operators, self.overview = ApiKeys(parts), OperatorDesk(parts), Overview(parts)
        self.audit, self.answers = Auditing(parts), KeptAnswers(parts)
        self.work = Working(parts, refreshes=self._refreshes, health=self.health, discover=self._reach.discover)
        # The hot path is one call less deep this way: a token that is in memory costs a dictionary look-up.
        self._remembered = memory.fresh

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return a keeper over what the environment and its configuration file say (see the configuration reference).

        Raises Misconfigured, naming the file, the key and what to do; also when the database is a copy, or an older
        state, of the one that was used here before.
        """
        from ..settings import Settings

        return cls.from_settings(Settings.load(environ=environ))

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return a keeper over these settings; raises Misconfigured."""
        from .. import installation
        from ..http import HttpTransport
        from ..store import SqlStore

        tracing = configured(settings.tracing)
        store = SqlStore(settings.database)
        try:
            store.check()
            installation.check(store, settings.state_folder)
            keeper = cls(
                store=store,
                sealer=settings.keys,
                clients=settings.clients,
                transport=HttpTransport(proxy=settings.proxy, ca_file=settings.ca_file),
                journal=Journal(settings.state_folder),
                rotated=installation.Count(store, settings.state_folder, now=_utc_now).rotated,
                export_refresh_tokens=settings.export_refresh_tokens,
                pages_url=settings.service.url,
                return_to=settings.service.return_to,
                outlet=Outlet(
                    private_hosts=frozenset(settings.service.webhook_private_hosts),
                    proxy=settings.proxy,
                    ca_file=settings.ca_file,
                ),
                tracing=tracing,
            )
        except BaseException:
            store.close()
            raise
        keeper.operators.rules = settings.service.sign_in
        keeper._refreshes.start()
        return keeper

    # --- getting a grant --------------------------------------------------------------------------------------

    def begin(
        self,
        owner: str,
        client: str,
        *,
        flow: str | None = None,
        grant_id: str | None = None,
        login_hint: str | None = None,
        other_account: OtherAccount = "refuse",
        redirect_uri: str | None = None,
        picker: Picker | None = None,
    ) -> Redirect:
        """Begin a consent: returns where to send the browser (RFC 6749 4.1.1, RFC 7636 4.3).

        Args:
            owner: your own id of the customer who grants, 1 to 255 printable characters.
            client: name of the OAuthClient.
            flow: the `Redirect.flow` that this browser's session holds already, so that two tabs both work.
            grant_id: the grant to consent to again; by default any live one of this owner and client.
            login_hint: e-mail address or subject to offer first (OpenID Connect Core 3.1.2.1).
            other_account: `add` connects another person's account in addition; by default a consent by another
                person than the connected one is refused with AccountMismatch.
            redirect_uri: for installed clients, a loopback address with the port that listens (RFC 8252 7.3).
            picker: how the person chooses afterwards which accounts are shared; by default nobody is asked, and all
                are, also those that appear later. A grant that is consented to again keeps what it shares.

        Raises:
            NotFound: no such client, or no such grant of this owner and client.
            InvalidInput: a value is not usable; the message names it.
        """
        oauth_client = self.client(client)
        if picker is not None and not isinstance(picker, Picker):
            raise InvalidInput("picker is a Picker, or None.")
        check_word("other_account", other_account, get_args(OtherAccount))
        return self._flows.begin(
            checked_owner(owner),
            oauth_client,
            flow=flow,
            grant_id=grant_id,
            login_hint=checked_hint(login_hint),
            other_account=other_account,
            redirect_uri=chosen_redirect_uri(oauth_client, redirect_uri),
            picker=picker,
        )

    def complete(
        self, flow: str | None, params: object, *, client: str | None = None, owner: str | None = None
    ) -> Grant | Redirect:
        """Handle the browser's return to the redirect URI (RFC 6749 4.1.2 to 4.1.4, RFC 9207).

        Nothing is spent before state, browser, client, owner and issuer match. Calling it again from the same browser,
        after a reload or a double click, gives the same result and sends nothing.

        Args:
            flow: what this browser's session holds from `Redirect.flow`.
            params: the query, as string, mapping or your framework's multidict; doubled parameters are refused.
            client: the client that this callback route is for, when you have a route per client.
            owner: who is signed in to your site; refused when another owner began.

        Returns:
            The Grant, active, or `consent_required` with reason `scopes_missing` and its `.missing` scopes; or a
            Redirect: send the browser there, the provider gave no refresh token and will with a second consent.

        Raises:
            BadCallback: state, browser, client, owner or issuer do not match, or the code was refused.
            ConsentDenied: the person said no.
            AccountMismatch: another person than the connected one consented; nothing was changed.
            ConsentRequired: no refresh token came, not even with the second consent.
            ProviderUnavailable: no usable answer; start again.
            Misconfigured: the provider refuses the OAuth client or the request.
        """
        return self._flows.complete(flow, params, client=client, owner=owner)

    def result(self, flow: str | None, ref: str, *, owner: str | None = None) -> Grant:
        """Return how a completed flow ended, or raise what `complete` raised.

        `ref` is the SHA-256 (hex) of its state, which a page may carry in its address when the state must leave it;
        `owner`, when given, must be who began.
        """
        return self._flows.result(flow, ref, owner=owner)

    def choice(self, flow: str | None, ref: str, *, owner: str | None = None) -> tuple[Grant, Picker | None, Sharing]:
        """Return what a page needs on which the person of a completed flow chooses accounts; raises as `result`."""
        grant, picker = self.result(flow, ref, owner=owner), self._flows.picker(ref)
        if picker is not None and picker.page == "show":
            self._reach.look_again(grant.id)
        return grant, picker, self._reach.sharing(grant.id)

    # --- tokens -----------------------------------------------------------------------------------------------

    def token(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken:
        """Return an access token that lives longer than `min_ttl`, refreshed when needed (RFC 6749 6).

        Threads that ask at the same time cause one refresh. Trouble at the provider changes no grant.

        Raises:
            ConsentRequired: the grant is over, or lacks required scopes; `.reason`, `.advice`.
            ProviderUnavailable: a refresh is needed and the provider does not answer usably.
            Misconfigured: the provider refuses the OAuth client. InvalidInput: `min_ttl` is more than it ever gives.
            NotFound: no such grant. SealBroken: wrong key or altered row.
        """
        found = self._remembered(grant_id, min_ttl)
        if found:
            return found
        self.work.pass_by()
        return self.work.used(grant_id, self._tokens.token(grant_id, min_ttl=min_ttl))

    def remembered(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken | None:
        """Return what `token` would return if that needs no I/O, else None."""
        return self._remembered(grant_id, min_ttl)

    def whose(self, grant_id: str) -> tuple[str, str] | None:
        """Return owner and OAuth client of a grant whose token is in memory, else None; no I/O."""
        return self._refreshes.memory.whose(grant_id)

    def stored(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken | None:
        """Return what `token` would return if that needs no call to the provider, else None; raises as `token`."""
        self.work.pass_by()
        found = self._tokens.stored(grant_id, min_ttl)
        return found and self.work.used(grant_id, found)

    def refresh(self, grant_id: str) -> AccessToken:
        """Refresh now, whatever life the present token has left; raises as `token`."""
        return self._tokens.refresh(grant_id)

    def report_rejected(self, grant_id: str, token: Secret) -> None:
        """Say that an API refused this access token (401): it is not handed out again (R-37).

        Reports of older tokens change nothing, nor do reports within 30 seconds of its issue: an API that refuses
        every token must not cause a loop of refreshes.
        """
        self._tokens.report_rejected(grant_id, token)

    # --- ending -----------------------------------------------------------------------------------------------

    def revoke(
        self, grant_id: str, *, siblings: Siblings = "keep", version: int | None = None, by: str = "program"
    ) -> Revocation:
        """End a grant: unusable here at once, its tokens erased, and revoked at the provider (RFC 7009).

        At Google a revocation ends all grants of that person in the whole Cloud project. While such siblings live, the
        grant is ended here only (`at_provider="kept"`); `siblings="end"` ends them all, and says so in each. One that
        is a sibling only perhaps, as `siblings` explains, counts as well; on "end" it is left as it is, and its next
        refresh tells whether it ended.
        Calling it again is harmless, and repeats a revocation that is `pending`. With `version`, only the grant that
        you looked at is ended: Conflict when it was changed since. `by` goes into the audit log.
        InvalidInput, and nothing is ended, when `siblings` is neither word.
        """
        return self._revoking.revoke(grant_id, siblings, version=version, by=by)

    def close(self) -> None:
        """Close the database and HTTP pools; may be called twice.

        Refreshes under way are waited for, at most as long as a lease, and what is not saved yet is tried once more.
        """
        self._refreshes.finish()
        self._closing.set()
        self.work.close()
        self._refreshes.close()
        self._authority.close()
        self.webhooks.close()
        self._store.close()

    def _pause(self, duration: timedelta) -> None:
        """Wait; who waits for a lease must not believe that time has passed because the keeper is closed."""
        if self._closing.wait(duration.total_seconds()):
            raise Closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _by_name(clients: Iterable[OAuthClient]) -> dict[str, OAuthClient]:
    named: dict[str, OAuthClient] = {}
    for client in clients:
        if client.name in named:
            raise InvalidInput(f"Two OAuth clients are named {client.name!r}.", advice="Give each its own name.")
        named[client.name] = client
    return named
