"""`link`, `links list|show|revoke`, `confirm`: invitations that are e-mailed, and what came of them."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

import typer

from grantkeeper.cli import output
from grantkeeper.cli.grants import ask
from grantkeeper.cli.output import AsJson, GrantId
from grantkeeper.cli.wiring import open_keeper
from grantkeeper.errors import printable
from grantkeeper.model import Confirm, LinkStatus

if TYPE_CHECKING:
    from grantkeeper.model import Grant, Invitation, Link

_BY: Final = "cli"
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_PROOF_LIMIT: Final = 200
"""Characters of a proof: it has 64."""

LinkId: TypeAlias = Annotated[str, typer.Argument(metavar="LINK", help="A link's id, as `links list` shows it.")]


def _duration(text: str | timedelta) -> timedelta:
    """Return `7d`, `12h` or `30m` as a duration; the default is one already."""
    if isinstance(text, timedelta):
        return text
    found = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    if found is None:
        raise typer.BadParameter("write 30m, 12h or 7d")
    return int(found[1]) * _UNITS[found[2]]


def link(
    ctx: typer.Context,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Your own id of the customer who is to consent.")],
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="The OAuth client's name.")],
    expires: Annotated[
        timedelta,
        typer.Option(metavar="TIME", parser=_duration, show_default="7d", help="How long it is good: 30m, 12h, 7d."),
    ] = timedelta(days=7),
    expect: Annotated[
        str | None, typer.Option(metavar="WHO", help="Only for them: an e-mail address, a domain, or a subject.")
    ] = None,
    confirm: Annotated[
        Confirm, typer.Option(help="Who says that it was the right person: you, your program with a proof, nobody.")
    ] = "ask",
    return_to: Annotated[str, typer.Option(metavar="URL", help="Where to lead them afterwards.")] = "",
    message: Annotated[str, typer.Option(metavar="TEXT", help="Your words to them.")] = "",
    language: Annotated[str, typer.Option(metavar="CODE", help="en, de, fr, es or ja; else their browser's.")] = "",
    grant: Annotated[str | None, typer.Option(metavar="GRANT", help="Let them consent to this grant again.")] = None,
    other_account: Annotated[
        Literal["refuse", "add"], typer.Option(help="When another account is connected already.")
    ] = "refuse",
    code: Annotated[bool, typer.Option("--code", help="Also make a code that you tell them by another way.")] = False,
    as_json: AsJson = False,
) -> None:
    """Invite an owner to consent: print an address to send them.

    It is good for one consent, by whoever has it: say --expect where you can.
    """
    with open_keeper(ctx) as keeper:
        made = keeper.link(
            owner,
            client,
            expires_in=expires,
            expect=expect,
            confirm=confirm,
            return_to=return_to,
            message=message,
            language=language,
            grant_id=grant,
            other_account=other_account,
            code=code,
            by=_BY,
        )
    _tell_made(made, as_json=as_json)


def list_links(
    ctx: typer.Context,
    owner: Annotated[str | None, typer.Option(help="Only this owner's.")] = None,
    client: Annotated[str | None, typer.Option(help="Only at this OAuth client.")] = None,
    status: Annotated[LinkStatus | None, typer.Option(help="Only those that stand so.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many, the newest.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List links, the newest first."""
    statuses = None if status is None else (status,)
    with open_keeper(ctx) as keeper:
        keeper.links.expire()
        found = keeper.links.page(owner=owner, client=client, statuses=statuses, limit=limit)
    if as_json:
        output.result_json([_data(each) for each in found])
        return
    if not found:
        output.note("There is no such link. Make one: grantkeeper link OWNER CLIENT")
        return
    output.table(("LINK", "OWNER", "CLIENT", "FOR", "STATUS", "UNTIL", "GRANT"), (_row(each) for each in found))


def show(
    ctx: typer.Context,
    link_id: LinkId,
    address: Annotated[bool, typer.Option("--address", help="Print its address once more, and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one link: for whom it is, how it stands, what came of it."""
    with open_keeper(ctx) as keeper:
        if address:
            _tell_address(keeper.links.invitation(link_id), as_json=as_json)
            return
        found = keeper.links.get(link_id)
    if as_json:
        output.result_json(_data(found))
        return
    for name, value in _data(found).items():
        if value:
            output.result(f"{name.replace('_', ' '):<16} {printable(_plain(value))}")


def revoke(ctx: typer.Context, link_id: LinkId, as_json: AsJson = False) -> None:
    """Withdraw a link: its address is good for nothing at once."""
    with open_keeper(ctx) as keeper:
        done = keeper.links.revoke(link_id, by=_BY)
    if as_json:
        output.result_json(_data(done))
        return
    said = "Withdrawn" if done.status is LinkStatus.REVOKED else f"It is {done.status.value} already"
    output.result(f"{said}: the address is good for nothing any more.")


def confirm(
    ctx: typer.Context,
    grant: GrantId,
    proof_stdin: Annotated[
        bool, typer.Option("--proof-stdin", help="Read what their browser brought to return_to from standard input.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say that the right person consented by a link: the grant becomes active."""
    with open_keeper(ctx) as keeper:
        found = keeper.get(grant)
        if not found.usable:
            _tell_who(found)
        if not (yes or found.usable):
            ask()
        proof = sys.stdin.read(_PROOF_LIMIT).strip() if proof_stdin else None
        done = keeper.confirm(grant, proof=proof, version=found.version, by=_BY)
    if as_json:
        output.result_json(output.grant_data(done))
        return
    output.result(f"Confirmed: {done.owner} is connected to {done.client} ({done.person}).")


def _tell_made(made: Invitation, *, as_json: bool) -> None:
    if not as_json:
        output.note(f"Link {made.link.id}, good for one consent until {output.timestamp(made.link.expires_at)}.")
        output.note(_what_comes(made.link))
    _tell_address(made, as_json=as_json)


def _what_comes(link: Link) -> str:
    if link.expect is not None:
        return f"Nobody but {link.expect.value} can use it, and the grant is active at once."
    if link.confirm == "auto":
        return "Whoever uses it is taken for the owner: nobody is asked."
    return "The grant is pending until you confirm who consented."


def _tell_address(made: Invitation, *, as_json: bool) -> None:
    code = made.code.reveal() if made.code else None
    if as_json:
        output.result_json(_data(made.link) | {"url": made.url} | ({"code": code} if code else {}))
        return
    if code:
        output.note(f"Tell them by another way than the address: {code}")
    output.result(made.url)


def _tell_who(grant: Grant) -> None:
    output.note(
        f"{grant.person} consented for {grant.owner} at {grant.client}, {output.timestamp(grant.consented_at)}."
    )
    output.note("Is that your customer? Somebody may have sent them a link that was meant for somebody else.")


def _row(link: Link) -> tuple[str, ...]:
    whom = link.expect.value if link.expect else "anybody"
    until = output.timestamp(link.expires_at) or ""
    return link.id, link.owner, link.client, whom, link.status.value, until, link.result_grant_id


def _plain(value: Any) -> str:
    return "yes" if value is True else str(value)


def _data(link: Link) -> dict[str, Any]:
    """Return a link for programs; its address is no part of it."""
    times = ("created_at", "expires_at", "opened_at", "consented_at", "confirmed_at", "failed_at", "revoked_at")
    return {
        "id": link.id,
        "owner": link.owner,
        "client": link.client,
        "status": link.status.value,
        "expect": link.expect.value if link.expect else "",
        "expect_kind": link.expect.kind if link.expect else "",
        "confirm": link.confirm,
        "return_to": link.return_to,
        "language": link.language,
        "other_account": link.other_account,
        "asks_code": link.asks_code,
        "message": link.message,
        "grant_id": link.grant_id,
        "reason": link.reason,
        "result_grant_id": link.result_grant_id,
        "failure": link.failure,
        "created_by": link.created_by,
        **{name: output.timestamp(getattr(link, name)) for name in times},
    }
