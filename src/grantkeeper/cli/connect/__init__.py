"""`connect OWNER CLIENT`: one person, one browser, one consent, from the terminal (RFC 8252)."""

from __future__ import annotations

import webbrowser
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from grantkeeper import errors
from grantkeeper.model import GrantStatus, Redirect

from .. import output
from ..exits import Exit
from ..output import AsJson
from ..wiring import open_keeper

if TYPE_CHECKING:
    from grantkeeper.keeper import Keeper
    from grantkeeper.model import Grant

    from .listener import Answered, Onward


class OtherAccount(StrEnum):
    """What to do when somebody else than before consents."""

    REFUSE = "refuse"
    ADD = "add"


def connect(
    ctx: typer.Context,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Your own id of the customer who grants.")],
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="The OAuth client: NAME of [clients.NAME].")],
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address to open.")] = False,
    login_hint: Annotated[str | None, typer.Option(metavar="EMAIL", help="Who is expected to consent.")] = None,
    grant: Annotated[str | None, typer.Option(metavar="GRANT", help="Consent to this grant again.")] = None,
    other_account: Annotated[
        OtherAccount, typer.Option(help="When another account than before consents.")
    ] = OtherAccount.REFUSE,
    timeout: Annotated[int, typer.Option(metavar="SECONDS", min=1, max=3600, help="How long to wait.")] = 300,
    as_json: AsJson = False,
) -> None:
    """Open the consent screen in your browser, wait for it, and keep the grant.

    Needs a client of the kind Desktop app, or a redirect URI on http://127.0.0.1 or http://localhost.
    """
    from .listener import listening

    with open_keeper(ctx) as keeper:
        registered = keeper.client(client)
        with listening(registered.redirect_uri, any_port=registered.kind == "installed") as listener:
            to = keeper.begin(
                owner,
                client,
                grant_id=grant,
                login_hint=login_hint,
                other_account=other_account.value,
                redirect_uri=listener.redirect_uri if registered.kind == "installed" else None,
            )
            # A browser in the terminal, as BROWSER may name one, holds up the next line until it ends.
            listener.expect(_Return(keeper, owner, client, to.flow))
            _send_off(to.url, open_browser=not no_browser)
            try:
                found = listener.wait(timedelta(seconds=timeout))
            except TimeoutError:
                output.note(f"Nobody came back within {timeout} seconds; nothing was changed.")
                raise typer.Exit(Exit.OWNER) from None
    _tell(found, as_json=as_json)


class _Return:
    """Answers the browser's return with the keeper; holds the flow that binds the browser's attempt to this process."""

    def __init__(self, keeper: Keeper, owner: str, client: str, flow: str) -> None:
        self._keeper, self._owner, self._client, self._flow = keeper, owner, client, flow

    def __call__(self, query: str) -> Onward | Answered:
        """Complete the flow; what goes wrong is shown in the browser in short and raised on the terminal in full."""
        from .listener import Answered, Onward
        from .page import html

        try:
            ended = self._keeper.complete(self._flow, query, client=self._client, owner=self._owner)
        except errors.GrantkeeperError as error:
            return Answered(html(_heading(error), "The terminal says more. You can close this page."), error)
        except Exception as error:  # noqa: BLE001 - raised again on the terminal's thread
            return Answered(html("Something went wrong", "The terminal says more. You can close this page."), error)
        if isinstance(ended, Redirect):
            self._flow = ended.flow
            return Onward(url=ended.url)
        title = "Connected" if ended.usable else "Connected in part"
        return Answered(html(title, f"{ended.person}: you can close this page."), ended)


def _heading(error: errors.GrantkeeperError) -> str:
    if isinstance(error, errors.ConsentDenied):
        return "Not connected: consent was declined"
    if isinstance(error, errors.AccountMismatch):
        return "Not connected: that was another account"
    return "Not connected"


def _send_off(url: str, *, open_browser: bool) -> None:
    output.note(f"{'Your browser opens. If it does not, open' if open_browser else 'Open'} this address:\n\n  {url}\n")
    if open_browser:
        webbrowser.open(url)


def _tell(grant: Grant, *, as_json: bool) -> None:
    if as_json:
        output.result_json(output.grant_data(grant))
    else:
        output.result(f"{'Connected' if grant.usable else 'Connected in part'}: {grant.owner}, {grant.client}")
        output.grant_lines(grant)
    if grant.status is GrantStatus.CONSENT_REQUIRED:
        output.note("A box that is needed was left unticked: connect again and tick it.")
        raise typer.Exit(Exit.OWNER)
