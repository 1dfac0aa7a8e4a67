"""AsyncKeeper: the same verbs, awaited. One implementation, run on threads."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final, ParamSpec, Self, TypeVar

from .forks import in_child
from .keeper import Keeper
from .keeper.accounts.reach import Include
from .keeper.consent.flows import OtherAccount
from .keeper.links.verbs import WEEK
from .keeper.revoking import Siblings
from .keeper.tokens.keeping import WAIT_FOR_LEASE
from .model import (
    DEFAULT_MIN_TTL,
    AccessToken,
    Account,
    AccountChanges,
    Adoption,
    Confirm,
    Erasure,
    Event,
    Examination,
    Expectation,
    Grant,
    GrantStatus,
    Invitation,
    Look,
    OAuthClient,
    Picker,
    Redirect,
    Revocation,
    Secret,
    Sharing,
)

P = ParamSpec("P")
T = TypeVar("T")

DATABASE_THREADS: Final = 8
"""For what only reads and writes the database: more than its connections would only wait for each other."""

REFRESH_THREADS: Final = 64
"""For refreshes, one for each grant that is refreshed now. Their own pool: with a shared one, 120 hanging refreshes
made a fresh read wait 5.9 s; with two, 0.7 ms."""

CALL_THREADS: Final = 16
"""For callbacks and revocations, behind which a person waits: refreshes that hang do not hold them up."""


class AsyncKeeper:
    """A Keeper for asyncio. A token that is in memory is answered on the event loop, without a thread.

    Cancelling a call gives up waiting; the work itself is done to its end, so that no answer of a provider is lost.
    Closing it closes the keeper. Verbs, arguments and errors are those of `Keeper`.
    """

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._start_afresh()
        in_child(self._start_afresh)

    def _start_afresh(self) -> None:
        """Have threads of our own; a forked child has none of its parent's, and none of its tasks (R-67)."""
        self._database = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="grantkeeper-database")
        self._refreshes = ThreadPoolExecutor(REFRESH_THREADS, thread_name_prefix="grantkeeper-refresh")
        self._calls = ThreadPoolExecutor(CALL_THREADS, thread_name_prefix="grantkeeper-call")
        self._asked: dict[tuple[int, str, timedelta], asyncio.Task[AccessToken]] = {}

    async def begin(
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
        """See `Keeper.begin`."""
        return await self._run(
            self._database,
            self.keeper.begin,
            owner,
            client,
            flow=flow,
            grant_id=grant_id,
            login_hint=login_hint,
            other_account=other_account,
            redirect_uri=redirect_uri,
            picker=picker,
        )

    async def complete(
        self, flow: str | None, params: object, *, client: str | None = None, owner: str | None = None
    ) -> Grant | Redirect:
        """See `Keeper.complete`."""
        return await self._run(self._calls, self.keeper.complete, flow, params, client=client, owner=owner)

    async def result(self, flow: str | None, ref: str, *, owner: str | None = None) -> Grant:
        """See `Keeper.result`."""
        return await self._run(self._database, self.keeper.result, flow, ref, owner=owner)

    async def link(
        self,
        owner: str,
        client: str,
        *,
        expires_in: timedelta = WEEK,
        expect: str | Expectation | None = None,
        confirm: Confirm = "ask",
        return_to: str = "",
        picker: Picker | None = None,
        language: str = "",
        message: str = "",
        grant_id: str | None = None,
        other_account: OtherAccount = "refuse",
        code: bool = False,
        by: str = "program",
    ) -> Invitation:
        """See `Keeper.link`."""
        return await self._run(
            self._database,
            self.keeper.link,
            owner,
            client,
            expires_in=expires_in,
            expect=expect,
            confirm=confirm,
            return_to=return_to,
            picker=picker,
            language=language,
            message=message,
            grant_id=grant_id,
            other_account=other_account,
            code=code,
            by=by,
        )

    async def follow(self, token: str, *, flow: str | None = None, code: str | None = None) -> Redirect:
        """See `Keeper.follow`."""
        return await self._run(self._database, self.keeper.follow, token, flow=flow, code=code)

    async def confirm(
        self, grant_id: str, *, proof: str | None = None, version: int | None = None, by: str = "program"
    ) -> Grant:
        """See `Keeper.confirm`."""
        return await self._run(self._database, self.keeper.confirm, grant_id, proof=proof, version=version, by=by)

    async def get(self, grant_id: str) -> Grant:
        """See `Keeper.get`."""
        return await self._run(self._database, self.keeper.get, grant_id)

    async def find(self, owner: str, client: str, *, subject: str | None = None, email: str | None = None) -> Grant:
        """See `Keeper.find`."""
        return await self._run(self._database, self.keeper.find, owner, client, subject=subject, email=email)

    async def grants(
        self, owner: str | None = None, client: str | None = None, *, status: GrantStatus | None = None
    ) -> list[Grant]:
        """Return what `Keeper.grants` yields, as a list."""
        return await self._run(self._database, lambda: list(self.keeper.grants(owner, client, status=status)))

    async def siblings(self, grant_id: str) -> tuple[Grant, ...]:
        """See `Keeper.siblings`."""
        return await self._run(self._database, self.keeper.siblings, grant_id)

    def client(self, name: str) -> OAuthClient:
        """See `Keeper.client`; no I/O."""
        return self.keeper.client(name)

    @property
    def clients(self) -> tuple[OAuthClient, ...]:
        """The configured OAuth clients; no I/O."""
        return self.keeper.clients

    async def token(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken:
        """See `Keeper.token`."""
        found = self.keeper.remembered(grant_id, min_ttl=min_ttl)
        if found is None:
            found = await self._run(self._database, self.keeper.stored, grant_id, min_ttl=min_ttl)
        return found or await self._refreshed(grant_id, min_ttl)

    async def _refreshed(self, grant_id: str, min_ttl: timedelta) -> AccessToken:
        """Let one thread refresh for all tasks that ask: a thread for each would leave none for other grants."""
        key = (id(asyncio.get_running_loop()), grant_id, min_ttl)
        task = self._asked.get(key)
        if task is None:
            task = asyncio.create_task(self._run(self._refreshes, self.keeper.token, grant_id, min_ttl=min_ttl))
            self._asked[key] = task
            task.add_done_callback(functools.partial(self._answered, key))
        return await asyncio.shield(task)

    def _answered(self, key: tuple[int, str, timedelta], task: asyncio.Task[AccessToken]) -> None:
        del self._asked[key]
        if not task.cancelled():
            task.exception()  # looked at: when every caller was cancelled, nobody else does, and asyncio would complain

    async def refresh(self, grant_id: str) -> AccessToken:
        """See `Keeper.refresh`."""
        return await self._run(self._refreshes, self.keeper.refresh, grant_id)

    async def report_rejected(self, grant_id: str, token: Secret) -> None:
        """See `Keeper.report_rejected`."""
        await self._run(self._database, self.keeper.report_rejected, grant_id, token)

    async def accounts(
        self, grant_id: str, *, kind: str | None = None, search: str | None = None, include: Include = "shared"
    ) -> list[Account]:
        """See `Keeper.accounts`."""
        return await self._run(self._calls, self.keeper.accounts, grant_id, kind=kind, search=search, include=include)

    async def to_choose(self, grant_id: str, *, look: bool = False) -> list[Account]:
        """See `Keeper.to_choose`."""
        return await self._run(self._calls, self.keeper.to_choose, grant_id, look=look)

    async def account(self, grant_id: str, *, kind: str, account_id: str | None = None) -> Account:
        """See `Keeper.account`."""
        return await self._run(self._calls, self.keeper.account, grant_id, kind=kind, account_id=account_id)

    async def discover(self, grant_id: str) -> AccountChanges:
        """See `Keeper.discover`."""
        return await self._run(self._calls, self.keeper.discover, grant_id)

    async def looks(self, grant_id: str) -> list[Look]:
        """See `Keeper.looks`."""
        return await self._run(self._database, self.keeper.looks, grant_id)

    async def share(self, grant_id: str, accounts: Iterable[tuple[str, str]], *, by: str = "program") -> list[Account]:
        """See `Keeper.share`."""
        return await self._run(self._database, self.keeper.share, grant_id, accounts, by=by)

    async def choice(
        self, flow: str | None, ref: str, *, owner: str | None = None
    ) -> tuple[Grant, Picker | None, Sharing]:
        """See `Keeper.choice`."""
        return await self._run(self._calls, self.keeper.choice, flow, ref, owner=owner)

    async def events(
        self,
        *,
        grant_id: str | None = None,
        kind: str | None = None,
        owners: Sequence[str] | None = None,
        clients: Sequence[str] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[Event]:
        """See `Keeper.events`."""
        return await self._run(
            self._database,
            self.keeper.events,
            grant_id=grant_id,
            kind=kind,
            owners=owners,
            clients=clients,
            after=after,
            limit=limit,
        )

    async def adopt(
        self,
        owner: str,
        client: str,
        refresh_token: Secret,
        *,
        email: str | None = None,
        picker: Picker | None = None,
        by: str = "program",
    ) -> Adoption:
        """See `Keeper.adopt`."""
        verb = self.keeper.adopt
        return await self._run(self._calls, verb, owner, client, refresh_token, email=email, picker=picker, by=by)

    async def taken_over(self, owner: str, client: str, refresh_token: Secret) -> Grant | None:
        """See `Keeper.taken_over`."""
        return await self._run(self._database, self.keeper.taken_over, owner, client, refresh_token)

    async def examine(self, client: str, refresh_token: Secret) -> Examination:
        """See `Keeper.examine`."""
        return await self._run(self._calls, self.keeper.examine, client, refresh_token)

    async def hand_out(self, grant_id: str, *, form: str, who: str, by: str = "program") -> Secret:
        """See `Keeper.hand_out`."""
        return await self._run(self._database, self.keeper.hand_out, grant_id, form=form, who=who, by=by)

    async def revoke(
        self, grant_id: str, *, siblings: Siblings = "keep", version: int | None = None, by: str = "program"
    ) -> Revocation:
        """See `Keeper.revoke`."""
        revoke = self.keeper.revoke
        return await self._run(self._calls, revoke, grant_id, siblings=siblings, version=version, by=by)

    async def erase(self, owner: str, *, by: str = "program") -> Erasure:
        """See `Keeper.erase`."""
        return await self._run(self._calls, self.keeper.erase, owner, by=by)

    async def ready(self) -> None:
        """See `Keeper.ready`."""
        await self._run(self._database, self.keeper.ready)

    async def run(self, verb: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb of the keeper that needs its database only, on a thread for such."""
        return await self._run(self._database, verb, *args, **kwargs)

    async def call(self, verb: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb of the keeper behind which a person waits for a provider, on a thread for such."""
        return await self._run(self._calls, verb, *args, **kwargs)

    async def recover(self, *, patience: timedelta = WAIT_FOR_LEASE) -> int:
        """See `Keeper.recover`."""
        return await self._run(self._calls, self.keeper.recover, patience=patience)

    async def sweep(self) -> int:
        """See `Keeper.sweep`."""
        return await self._run(self._database, self.keeper.sweep)

    async def close(self) -> None:
        """Wait for what is under way, then close the keeper; may be called twice."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for pool in (self._refreshes, self._calls, self._database):
            pool.shutdown(wait=True)
        self.keeper.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    def beside(self, verb: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have a verb that only reads and writes the database done on a thread; nobody waits for it or hears of it."""
        with contextlib.suppress(RuntimeError):  # it is being closed
            self._database.submit(verb, *args, **kwargs)

    async def _run(self, pool: ThreadPoolExecutor, verb: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        work: Callable[[], T] = functools.partial(verb, *args, **kwargs)
        if self.keeper.tracing.on:  # so that what the thread does is below the span of who asked for it
            work = functools.partial(contextvars.copy_context().run, work)
        # Shielded: a cancelled caller stops waiting, but what was asked for is done, even if it has to queue.
        return await asyncio.shield(loop.run_in_executor(pool, work))
