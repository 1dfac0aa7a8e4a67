"""What a command leaves behind when it could not do its work: an exit code by who must act, and one clear message."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, TextIO

import typer
from typer.core import TyperCommand

from grantkeeper import errors

from .output import painted

if TYPE_CHECKING:
    from collections.abc import Iterator


class Exit(IntEnum):
    """The exit codes, in `--help` and in the docs."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    YOURS = 3
    OWNER = 4
    WAIT = 5
    NOT_FOUND = 6
    DENIED = 7
    REFUSED = 8
    INTERRUPTED = 130
    NO_READER = 141


EXITS: Final = {
    Exit.OK: "done",
    Exit.UNEXPECTED: "unexpected: a bug, please report it",
    Exit.USAGE: "wrong usage of the command line",
    Exit.YOURS: "yours to put right: configuration, key, OAuth client",
    Exit.OWNER: "the owner has to consent (again), or to share or mend an account",
    Exit.WAIT: "wait and try again: the provider or the database is in trouble",
    Exit.NOT_FOUND: "there is no such grant, client or owner",
    Exit.DENIED: "somebody said no, nothing was changed",
    Exit.REFUSED: "the answer did not belong to this request and was refused",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
    Exit.NO_READER: "nobody reads the output any more (a closed pipe)",
}
_BY_ERROR: Final = (
    (errors.ProviderUnavailable, Exit.WAIT),
    (errors.DatabaseUnavailable, Exit.WAIT),
    (errors.ServiceUnavailable, Exit.WAIT),
    (errors.TooManyRequests, Exit.WAIT),
    (errors.Conflict, Exit.WAIT),
    (errors.ConsentRequired, Exit.OWNER),
    (errors.AccessRefused, Exit.OWNER),
    (errors.ConsentDenied, Exit.DENIED),
    (errors.Misconfigured, Exit.YOURS),
    (errors.SealBroken, Exit.YOURS),
    (errors.NotFound, Exit.NOT_FOUND),
    (errors.BadCallback, Exit.REFUSED),
)
# A stranger's exception may quote what it was given: whatever is long enough to be a token, and the part of a URL in
# front of its host, is left out. Our own errors hold no secret (errors.py).
_SECRET_LIKE: Final = re.compile(r"(?<=://)[^/\s@]+@|[\w\-.~+=%/]{20,}")


class Command(TyperCommand):
    """A command whose errors become one message on stderr and an exit code. `--json` makes the message JSON."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()  # here, where it can still be said that there is no room
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BrokenPipeError:
            _write_no_more()
            raise typer.Exit(Exit.NO_READER) from None
        except Exception as error:  # noqa: BLE001 - the outermost frame: whatever it is, it ends as a message
            if _is_stuck(sys.stdout):
                _write_no_more()
            debug = bool(ctx.find_root().params.get("debug"))
            raise typer.Exit(report(error, as_json=bool(ctx.params.get("as_json")), debug=debug)) from None


def _is_stuck(stream: TextIO) -> bool:
    """Tell whether what was printed cannot be written."""
    try:
        stream.flush()
    except OSError:
        return True
    return False


def _write_no_more() -> None:
    """Let what is left in the output go nowhere: at exit Python would try once more, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def report(error: Exception, *, as_json: bool, debug: bool) -> Exit:
    """Write the error to stderr and return its exit code."""
    code = exit_code(error)
    if debug:
        typer.echo("".join(traceback_without_secrets(error)), err=True, nl=False)
    if as_json:
        typer.echo(json.dumps(as_data(error, code), indent=2), err=True)
        return code
    message, advice = _sentences(error)
    typer.echo(painted(f"grantkeeper: {message}", "red", sys.stderr), err=True)
    if advice:
        typer.echo(f"What to do: {advice}", err=True)
    return code


def exit_code(error: Exception) -> Exit:
    """Return the exit code: who must act."""
    if isinstance(error, errors.GrantkeeperError):
        return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.UNEXPECTED)
    return Exit.YOURS if isinstance(error, OSError) else Exit.UNEXPECTED


def as_data(error: Exception, code: Exit) -> dict[str, Any]:
    """Return the error for programs; the keys are those of every `--json` error."""
    message, advice = _sentences(error)
    data: dict[str, Any] = {"error": type(error).__name__, "message": message, "advice": advice, "exit_code": int(code)}
    if isinstance(error, errors.ConsentRequired):
        data |= {"grant_id": error.grant_id, "reason": str(error.reason)}
    if isinstance(error, errors.AccessRefused):
        data |= {"grant_id": error.grant_id, "account_id": error.account_id, "who": error.who, "code": error.code}
    if isinstance(error, errors.ProviderUnavailable):
        data["retry_after"] = None if error.retry_after is None else error.retry_after.total_seconds()
    words = getattr(error, "provider", None)
    if words is not None:
        data["provider"] = {"error": words.error, "error_description": words.description, "error_uri": words.uri}
    return data


def _sentences(error: Exception) -> tuple[str, str]:
    """Return what happened and what to do."""
    if isinstance(error, errors.GrantkeeperError):
        said = f" The provider said: {str(error.provider).rstrip('.')}." if error.provider else ""
        return errors.printable(f"{error.args[0]}{said}", 4 * errors.WORDS_LIMIT), error.advice
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or type(error).__name__}", ""
    return f"unexpected {type(error).__name__}", "Run it again as `grantkeeper --debug ...` and report what it shows."


def without_secrets(text: str) -> str:
    """Return a stranger's text without what could be a token or a password."""
    return _SECRET_LIKE.sub("…", text)


def traceback_without_secrets(error: BaseException) -> Iterator[str]:
    """Yield a traceback's lines, causes first, without values of variables and without what could be a secret."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from traceback_without_secrets(cause)
        yield "\nwhich led to:\n\n"
    yield from traceback.format_tb(error.__traceback__)
    ours = isinstance(error, errors.GrantkeeperError)
    yield f"{type(error).__name__}: {error if ours else without_secrets(str(error))}\n"
