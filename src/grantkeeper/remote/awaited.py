"""AsyncRemote: the same verbs, awaited. One implementation, run on threads."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Final, Literal, ParamSpec, Self, TypeVar

from ..forks import in_child
from ..model import (
    DEFAULT_MIN_TTL,
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
from .remote import Remote

P = ParamSpec("P")
T = TypeVar("T")

TOKEN_THREADS: Final = 64
"""One for each grant whose token is asked for now. Their own pool: other calls that hang do not hold tokens up."""

CALL_THREADS: Final = 16


class _Asked:
    """A question for a token, in a thread or on its way to one; `waiting` counts the tasks that wait for `answer`."""

    __slots__ = ("answer", "future", "waiting")
    future: Future[AccessToken]
    answer: asyncio.Future[AccessToken]

    def __init__(self) -> None:
        self.waiting = 0


class AsyncRemote:
    """A Remote for asyncio. A token that is in memory is answered on the event loop, without a thread.

    Cancelling a call gives up waiting; the work itself is done to its end, but for a question that no thread has begun
    and that changes nothing. Closing it closes the remote. Verbs, arguments and errors are those of `Remote`. Safe to
    fork, as it is.
    """

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self._start_afresh()
        in_child(self._start_afresh)
        remote.when_outdated(self._forget_asked)

    def _start_afresh(self) -> None:
        """Have threads of our own; a forked child has none of its parent's, and none of its tasks (R-67)."""
        self._tokens = ThreadPoolExecutor(TOKEN_THREADS, thread_name_prefix="grantkeeper-token")
        self._calls = ThreadPoolExecutor(CALL_THREADS, thread_name_prefix="grantkeeper-call")
        self._asked: dict[tuple[int, str, timedelta], _Asked] = {}

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """See `Remote.from_env`."""
        return cls(Remote.from_env(environ))

    async def token(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken:
        """See `Remote.token`."""
        return self.remote.remembered(grant_id, min_ttl=min_ttl) or await self._shared(grant_id, min_ttl)

    async def _shared(self, grant_id: str, min_ttl: timedelta) -> AccessToken:
        """Let one thread ask for all tasks: a thread for each would leave none for other grants."""
        key = (id(asyncio.get_running_loop()), grant_id, min_ttl)
        asked = self._asked.get(key) or self._ask(key, grant_id, min_ttl)
        asked.waiting += 1
        try:
            return await asyncio.shield(asked.answer)
        finally:
            asked.waiting -= 1
            if not asked.waiting and asked.future.cancel():  # nobody wants it any more, and no thread has begun
                self._drop(key, asked)

    def _ask(self, key: tuple[int, str, timedelta], grant_id: str, min_ttl: timedelta) -> _Asked:
        asked = self._asked[key] = _Asked()  # there before a thread asks: what outdates the answer finds it
        try:
            asked.future = self._tokens.submit(self.remote.token, grant_id, min_ttl=min_ttl)
        except BaseException:
            self._drop(key, asked)
            raise
        asked.answer = asyncio.wrap_future(asked.future)
        asked.answer.add_done_callback(_looked_at)
        asked.future.add_done_callback(lambda _: self._drop(key, asked))  # on the thread: the loop may be gone by then
        return asked

    def _drop(self, key: tuple[int, str, timedelta], asked: _Asked) -> None:
        if self._asked.get(key) is asked:
            self._asked.pop(key, None)

    def _forget_asked(self, grant_id: str) -> None:
        """Let nobody who asks from now on join a question that was asked before; called on any thread."""
        for key in list(self._asked):
            if key[1] == grant_id:
                self._asked.pop(key, None)

    async def refresh(self, grant_id: str) -> AccessToken:
        """See `Remote.refresh`."""
        return await self._run(self._tokens, self.remote.refresh, grant_id)

    async def report_rejected(self, grant_id: str, token: Secret) -> None:
        """See `Remote.report_rejected`."""
        await self._run(self._calls, self.remote.report_rejected, grant_id, token)

    async def get(self, grant_id: str) -> Grant:
        """See `Remote.get`."""
        return await self._look(self.remote.get, grant_id)

    async def find(self, owner: str, client: str, *, subject: str | None = None, email: str | None = None) -> Grant:
        """See `Remote.find`."""
        return await self._look(self.remote.find, owner, client, subject=subject, email=email)

    async def grants(
        self, owner: str | None = None, client: str | None = None, *, status: GrantStatus | None = None
    ) -> list[Grant]:
        """Return what `Remote.grants` yields, as a list."""
        return await self._look(lambda: list(self.remote.grants(owner, client, status=status)))

    async def siblings(self, grant_id: str) -> tuple[Grant, ...]:
        """See `Remote.siblings`."""
        return await self._look(self.remote.siblings, grant_id)

    async def revoke(
        self, grant_id: str, *, siblings: Literal["keep", "end"] = "keep", version: int | None = None
    ) -> Revocation:
        """See `Remote.revoke`."""
        return await self._run(self._calls, self.remote.revoke, grant_id, siblings=siblings, version=version)

    async def confirm(self, grant_id: str, *, proof: str | Secret | None = None, version: int | None = None) -> Grant:
        """See `Remote.confirm`."""
        return await self._run(self._calls, self.remote.confirm, grant_id, proof=proof, version=version)

    async def link(
        self,
        owner: str,
        client: str,
        *,
        expires_in: timedelta = timedelta(days=7),
        expect: str | Expectation | None = None,
        confirm: Confirm = "ask",
        return_to: str = "",
        picker: Picker | None = None,
        language: str = "",
        message: str = "",
        grant_id: str | None = None,
        other_account: Literal["refuse", "add"] = "refuse",
        code: bool = False,
    ) -> Invitation:
        """See `Remote.link`."""
        return await self._run(
            self._calls,
            self.remote.link,
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
        )

    async def accounts(
        self,
        grant_id: str,
        *,
        kind: str | None = None,
        search: str | None = None,
        include: Literal["shared", "all"] = "shared",
    ) -> list[Account]:
        """See `Remote.accounts`."""
        return await self._look(self.remote.accounts, grant_id, kind=kind, search=search, include=include)

    async def account(self, grant_id: str, *, kind: str, account_id: str | None = None) -> Account:
        """See `Remote.account`."""
        return await self._look(self.remote.account, grant_id, kind=kind, account_id=account_id)

    async def looks(self, grant_id: str) -> list[Look]:
        """See `Remote.looks`."""
        return await self._look(self.remote.looks, grant_id)

    async def events(
        self, *, grant_id: str | None = None, kind: str | None = None, after: int = 0, limit: int = 100
    ) -> list[Event]:
        """See `Remote.events`."""
        return await self._look(self.remote.events, grant_id=grant_id, kind=kind, after=after, limit=limit)

    async def close(self) -> None:
        """Wait for what is under way, and for what somebody waits for, then close the remote; may be called twice."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for wait in (False, True):  # nothing new from now on, in either pool
            for pool in (self._tokens, self._calls):
                pool.shutdown(wait=wait)
        self.remote.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def _run(self, pool: ThreadPoolExecutor, verb: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(pool, functools.partial(verb, *args, **kwargs)))

    async def _look(self, verb: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what changes nothing: while it waits for a thread, whoever is cancelled takes it back."""
        return await asyncio.get_running_loop().run_in_executor(self._calls, functools.partial(verb, *args, **kwargs))


def _looked_at(answer: asyncio.Future[AccessToken]) -> None:
    """Look at an error: when every caller was cancelled, nobody else does, and asyncio would complain."""
    if not answer.cancelled():
        answer.exception()
