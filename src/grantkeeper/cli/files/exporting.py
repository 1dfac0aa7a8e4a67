"""`export GRANT --as FORM`: a refresh token in a file of an official library, for tools that insist on one (V-44)."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from grantkeeper.errors import InvalidInput, printable

from .. import output as printing
from ..output import GrantId
from ..wiring import load_settings, open_keeper

if TYPE_CHECKING:
    from grantkeeper.keeper import Keeper
    from grantkeeper.model import Account, OAuthClient, Secret

_STDOUT: Final = Path("-")


class Form(StrEnum):
    """The official libraries' files."""

    GOOGLE_ADS = "google-ads.yaml"
    GOOGLEADS = "googleads.yaml"


def export(
    ctx: typer.Context,
    grant: GrantId,
    form: Annotated[Form, typer.Option("--as", help="Of which library: google-ads, or googleads (Ad Manager).")],
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="A new file, for you alone; - is standard output, into a pipe.")
    ],
    customer_id: Annotated[
        str | None, typer.Option(metavar="ID", help="google-ads.yaml: the account to reach, when several are shared.")
    ] = None,
    network_code: Annotated[
        str | None, typer.Option(metavar="CODE", help="googleads.yaml: the network, when several are shared.")
    ] = None,
    application_name: Annotated[
        str, typer.Option(metavar="NAME", help="googleads.yaml: what your application tells Google it is called.")
    ] = "exported by grantkeeper",
) -> None:
    """Write a grant's refresh token to a file, where the configuration allows that. It is written down who did it.

    Whoever has the file has the access until the grant is revoked. `grantkeeper token` gives an access token instead.
    """
    from grantkeeper.keeper.files.handing_out import refuse_unless_allowed

    refuse_unless_allowed(load_settings(ctx).export_refresh_tokens)
    _refuse_other_forms(form, customer_id, network_code, application_name)
    _refuse_terminal(output)
    with open_keeper(ctx) as keeper:
        kind = "google_ads" if form is Form.GOOGLE_ADS else "ad_manager"
        account = keeper.account(grant, kind=kind, account_id=customer_id or network_code)
        client = keeper.client(keeper.get(grant).client)
        values = _google_ads(account) if form is Form.GOOGLE_ADS else _googleads(account, application_name)
        _write(keeper, grant, form, output, client, values)
    if output != _STDOUT:
        printing.result(f"Written to {output}: whoever can read it has this access. It is on record who made it.")


def _refuse_other_forms(form: Form, customer_id: str | None, network_code: str | None, application_name: str) -> None:
    if (network_code if form is Form.GOOGLE_ADS else customer_id) is not None:
        name = "--network-code" if form is Form.GOOGLE_ADS else "--customer-id"
        raise typer.BadParameter(f"{form.value} has none.", param_hint=name)
    if not (application_name.isascii() and application_name.isprintable() and application_name.strip()):
        raise typer.BadParameter("googleads takes printable ASCII characters.", param_hint="--application-name")


def _refuse_terminal(output: Path) -> None:
    if output == _STDOUT and _is_terminal():
        raise InvalidInput("A refresh token is not shown on a terminal.", advice="Name a file, or a pipe behind it.")


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _write(
    keeper: Keeper, grant: str, form: Form, output: Path, client: OAuthClient, values: dict[str, str | bool]
) -> None:
    """Make the file, have it written down, and only then let the token leave; no file is left where that fails."""
    descriptor = sys.stdout.fileno() if output == _STDOUT else _new_file(output)
    try:
        token = keeper.hand_out(grant, form=form.value, who=_who(), by="cli")
        secrets = {"client_secret": client.client_secrets[-1], "refresh_token": token}
        _write_all(descriptor, form, {"client_id": client.client_id, **values}, secrets)
    except BaseException:
        if output != _STDOUT:
            os.close(descriptor)
            with suppress(OSError):
                output.unlink()
        raise
    if output != _STDOUT:
        os.close(descriptor)


def _new_file(output: Path) -> int:
    """Open a new file that only this user can read; raises FileExistsError for any that is there, links included."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.open(output, flags, stat.S_IRUSR | stat.S_IWUSR)


def _google_ads(account: Account) -> dict[str, str | bool]:
    """Return what google-ads 34 reads (google/ads/googleads/config.py). Developer tokens ended on 2026-09-09."""
    login = account.ways[0].root if account.ways and account.ways[0].root != account.id else ""
    return {**({"login_customer_id": login} if login else {}), "use_proto_plus": True}


def _googleads(account: Account, application_name: str) -> dict[str, str | bool]:
    """Return what googleads 51 reads below `ad_manager` (googleads/common.py)."""
    return {"application_name": application_name, "network_code": account.id}


def _write_all(descriptor: int, form: Form, values: dict[str, str | bool], secrets: dict[str, Secret]) -> None:
    with os.fdopen(descriptor, "w", encoding="utf-8", closefd=False) as opened:
        opened.write(_yaml(form, values, secrets))  # no local variable holds it
        opened.flush()
        with suppress(OSError):  # a pipe has none
            os.fsync(opened.fileno())


def _yaml(form: Form, values: dict[str, str | bool], secrets: dict[str, Secret]) -> str:
    """Return YAML: a JSON value is one of YAML's too (yaml.org/spec/1.2.2, 1.3)."""
    head, indent = ("", "") if form is Form.GOOGLE_ADS else ("ad_manager:\n", "  ")
    plain = (f"{indent}{name}: {json.dumps(value)}\n" for name, value in values.items())
    secret = (f"{indent}{name}: {json.dumps(value.reveal())}\n" for name, value in secrets.items())
    return "".join([head, *plain, *secret])


def _who() -> str:
    """Return who asks: the operating system's user, not what the environment says, and the host."""
    if os.name == "posix":
        import pwd

        uid = os.getuid()
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = "nameless"
        name = f"{name} (uid {uid})"
    else:
        name = os.getlogin()
    return printable(f"{name} on {socket.gethostname()}", 200)
