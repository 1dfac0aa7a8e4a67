"""Every error ends as one message with advice and an exit code for who must act; never a traceback, never a secret."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.conftest import PROGRAM, Home
from cli.files.made import configured, connected
from grantkeeper import errors
from grantkeeper.cli import app
from grantkeeper.cli.exits import EXITS, Exit, exit_code, report, without_secrets
from grantkeeper.emulator import Emulator
from keeper.files.old import old_token
from keeper.people import IDA, SAM

ALL = (
    (errors.ProviderUnavailable("x", retry_after=timedelta(seconds=30)), Exit.WAIT),
    (errors.DatabaseUnavailable("x"), Exit.WAIT),
    (errors.Conflict("x"), Exit.WAIT),
    (errors.ConsentRequired("x", reason="revoked_or_expired", grant_id="gr_1"), Exit.OWNER),
    (errors.AccountMismatch("x", grant_id=None, expected=("a",), actual="b", advice=""), Exit.OWNER),
    (errors.AccessRefused("x", who="person", code="not_shared"), Exit.OWNER),
    (errors.ConsentDenied("x"), Exit.DENIED),
    (errors.Misconfigured("x"), Exit.YOURS),
    (errors.InvalidInput("x"), Exit.YOURS),
    (errors.SealBroken("x"), Exit.YOURS),
    (errors.NotFound("x"), Exit.NOT_FOUND),
    (errors.BadCallback("x"), Exit.REFUSED),
    (errors.KeyRefused("x"), Exit.YOURS),
    (errors.NotAllowed("x"), Exit.YOURS),
    (errors.TooManyRequests("x", retry_after=timedelta(seconds=1)), Exit.WAIT),
    (errors.ServiceUnavailable("x"), Exit.WAIT),
)


def kinds(base: type[BaseException]) -> set[type[BaseException]]:
    """Return every class of error that the errors module has below `base`."""
    found = {each for each in base.__subclasses__() if each.__module__ == "grantkeeper.errors"}
    return found.union(*(kinds(each) for each in found))


@pytest.mark.parametrize(("error", "code"), ALL, ids=lambda value: type(value).__name__)
def test_the_exit_code_says_who_must_act(error: errors.GrantkeeperError, code: Exit) -> None:
    """A script can tell waiting from asking the owner from repairing."""
    assert exit_code(error) is code


def test_every_error_has_an_exit_code() -> None:
    """None is forgotten."""
    assert kinds(errors.GrantkeeperError) == {type(error) for error, _ in ALL}
    assert set(EXITS) == set(Exit)


def test_help_documents_every_exit_code() -> None:
    """In the words that the docs use."""
    shown = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())
    for code, meaning in EXITS.items():
        assert f"{int(code)} {meaning}" in shown


def test_help_names_every_command() -> None:
    """None is left out of the sections."""
    shown = CliRunner().invoke(app, ["--help"]).output
    names = [command.name for command in app.registered_commands]
    assert [name for name in names if shown.count(f"\n  {name} ") != 1] == []


def test_a_json_error_has_what_a_program_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """Kind, message, advice, exit code, and what the error carries."""
    words = errors.ProviderWords(error="invalid_grant", description="Token has been expired or revoked.")
    report(errors.ConsentRequired("over", reason="x", grant_id="gr_1", provider=words), as_json=True, debug=False)
    found = json.loads(capsys.readouterr().err)
    assert (found["error"], found["exit_code"], found["grant_id"], found["reason"]) == (
        "ConsentRequired",
        4,
        "gr_1",
        "x",
    )
    assert found["provider"]["error_description"] == words.description
    report(ALL[0][0], as_json=True, debug=False)
    assert json.loads(capsys.readouterr().err)["retry_after"] == 30


class Strange(Exception):
    """Somebody else's error, which quotes what it was given."""


def fail(message: str, cause: Exception | None = None) -> None:
    """Raise somebody else's error."""
    raise Strange(message) from cause


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_error_shows_no_secret(capsys: pytest.CaptureFixture[str], debug: bool) -> None:
    """V-20: neither the message nor --debug's traceback repeats what could be a token or a password."""
    token, password = "ya29.a0" + "x7" * 20, "hunter" + "2"
    with pytest.raises(Strange) as cause:
        fail(f"cannot open postgresql://keeper:{password}@db/grants")
    with pytest.raises(Strange) as caught:
        fail(f"cannot send {token}", cause.value)
    assert report(caught.value, as_json=False, debug=debug) is Exit.UNEXPECTED
    said = capsys.readouterr().err
    assert "unexpected Strange" in said
    assert "--debug" in said
    assert token not in said
    assert password not in said
    assert ("Strange: cannot open" in said) is debug


@pytest.mark.parametrize("text", ["No such file: x.toml", "expected 3, got 4", "module 'a.b' has no attribute 'c'"])
def test_what_is_no_secret_stays_readable(text: str) -> None:
    """A message without anything long is as it was."""
    assert without_secrets(text) == text


def test_a_traceback_is_shown_only_when_asked_for(empty: Home) -> None:
    """Without --debug a problem is two lines."""
    plain, debug = empty.run("list"), empty.run("--debug", "list")
    assert plain.code == debug.code == 3
    assert "File " not in plain.err
    assert 'cli/grants.py", line' in debug.err
    assert debug.err.endswith(plain.err)
    assert plain.out == debug.out == ""


def test_usage_errors_end_with_2(empty: Home) -> None:
    """An unknown command, a missing argument, a value that is none of the allowed."""
    for arguments in (["lst"], ["token"], ["list", "--status", "gone"], ["token", "gr", "--min-ttl", "-1"], ["--what"]):
        done = empty.call(*arguments)
        assert (done.code, done.out) == (2, ""), arguments
        assert "Error" in done.err


def test_the_version_is_shown() -> None:
    """`--version` needs no configuration."""
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, re.fullmatch(r"grantkeeper \d+\.\d+\.\d+\n", done.output) is not None) == (0, True)


def in_terminal(home: Home, *arguments: str, answer: str = "", **environ: str) -> tuple[int, str]:
    """Run a command with a terminal for stdin, stdout and stderr; answer what it asks."""
    outer, inner = pty.openpty()
    environment = home.environ | {"TERM": "xterm-256color"} | environ
    with subprocess.Popen(
        [PROGRAM, *arguments], cwd=home.folder, env=environment, stdin=inner, stdout=inner, stderr=inner
    ) as process:
        os.close(inner)
        if answer:
            os.write(outer, answer.encode())
        shown = b""
        while True:
            try:
                shown += os.read(outer, 65536)
            except OSError:  # Linux says EIO when the other side is closed
                break
        process.wait(20)
    os.close(outer)
    return process.returncode, shown.decode()


def test_no_color_is_respected(empty: Home) -> None:
    """no-color.org: with NO_COLOR in the environment a terminal shows no colours."""
    _, coloured = in_terminal(empty, "doctor", "--offline")
    _, plain = in_terminal(empty, "doctor", "--offline", NO_COLOR="1")
    assert "\x1b[31m" in coloured
    assert "\x1b[3" not in plain
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


@pytest.mark.reveals("state")
def test_revoke_asks_a_person_and_takes_no_for_an_answer(home: Home) -> None:
    """Exit code 7, and the grant lives on; with yes it ends."""
    grant = json.loads(home.connect("nordwind", "ida@nordwind-outdoor.example", "allows", "--json").out)["id"]
    code, shown = in_terminal(home, "revoke", grant, answer="n\n")
    assert code == 7
    assert "Nothing was changed." in shown
    assert home.call("show", grant, "--json").json["status"] == "active"
    code, shown = in_terminal(home, "revoke", grant, answer="y\n")
    assert code == 0
    assert home.call("show", grant, "--json").json["status"] == "revoked"


@pytest.mark.reveals("state")
def test_revoke_shows_who_else_would_go(home: Home) -> None:
    """O-51: the same person's other grants are named first; they end only when said aloud."""
    one, other = (
        home.connect(owner, "ida@nordwind-outdoor.example", "allows", "--json").json["id"]
        for owner in ("nordwind", "nordwind-shop")
    )
    kept = home.call("revoke", one, "--yes")
    assert f"{other}  nordwind-shop  google-ads" in kept.err
    assert "the consent stays at the provider for 1 more" in kept.out
    assert home.call("show", other, "--json").json["status"] == "active"
    third = home.connect("nordwind", "ida@nordwind-outdoor.example", "allows", "--json").json["id"]
    ended = home.call("revoke", third, "--yes", "--end-siblings", "--json")
    assert "THEY END TOO" in ended.err
    assert (ended.json["at_provider"], ended.json["siblings"]) == ("revoked", 1)
    assert home.call("show", other, "--json").json["status"] == "consent_required"


def test_revoke_calls_only_perhaps_the_same_person_what_nobody_can_tell(home: Home, emulator: Emulator) -> None:
    """O-51: a refresh token that was taken over may be anybody's: what lives beside it only may end with it."""
    tokens = [old_token(emulator, configured(emulator), SAM).reveal() for _ in range(2)]
    home.write("old.csv", f"owner,refresh_token\nold,{tokens[0]}\nolder,{tokens[1]}\n")
    old, older = (line["grant_id"] for line in home.call("import", "old.csv", "--json").json["lines"])
    one, other = (connected(home, emulator, IDA, owner) for owner in ("nordwind", "nordwind-shop"))

    kept = home.call("revoke", older, "--yes").err
    assert "consent carries" not in kept
    assert "Perhaps the same person's, which nobody can tell of 3 more:" in kept

    ended = home.call("revoke", one, "--yes", "--end-siblings").err
    same, _, perhaps = ended.partition("Perhaps the same person's, which nobody can tell of 1 more:")
    assert "The same person's consent carries 1 more:" in same
    assert (other in same, old in same, old in perhaps) == (True, False, True)
    assert "THEY END TOO" in perhaps
    assert "MAY END TOO" in perhaps
    assert home.call("show", old, "--json").json["status"] == "active"


def test_revoke_ends_with_5_while_the_provider_was_not_told(home: Home, emulator: Emulator) -> None:
    """A script learns that it has to come back, as from `erase`; once the provider has heard, it ends with 0."""
    grant = connected(home, emulator, IDA, "nordwind")
    emulator.fail(503, times=3, path="/revoke")
    told = home.call("revoke", grant, "--yes")
    assert (told.code, "run the same command again later" in told.out) == (Exit.WAIT, True)
    again = home.call("revoke", grant, "--yes", "--json")
    assert (again.code, again.json["at_provider"]) == (Exit.WAIT, "pending")
    assert home.call("erase", "nordwind", "--yes").code == Exit.WAIT

    done = home.call("revoke", grant, "--yes", "--json")
    assert (done.code, done.json["at_provider"]) == (Exit.OK, "revoked")


def test_revoke_says_that_the_oauth_client_is_gone(home: Home, emulator: Emulator) -> None:
    """No later time tells the provider of it; what an erasure has dropped needs nobody to tell."""
    one, other = (connected(home, emulator, who, owner) for who, owner in ((IDA, "nordwind"), (SAM, "fjord")))
    toml = home.folder / "grantkeeper.toml"
    text = toml.read_text()
    toml.write_text(text.replace("[clients.google-ads]", "[clients.other]"))
    gone = home.call("revoke", one, "--yes")
    assert gone.code == Exit.YOURS
    assert "its OAuth client google-ads is not configured" in gone.out

    assert home.call("erase", "fjord", "--yes").code == Exit.YOURS
    erased = home.call("revoke", other, "--yes", "--json")
    assert (erased.code, erased.json["at_provider"]) == (Exit.OK, "nothing_to_revoke")
    toml.write_text(text)
    assert home.call("revoke", one, "--yes", "--json").json["at_provider"] == "revoked"


def test_a_closed_pipe_ends_quietly(home: Home) -> None:
    """`grantkeeper list --json | head -c 0`: 141, as a shell says of a program that nobody reads, and no word."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as pipe:
        done = subprocess.run(
            [PROGRAM, "list", "--json"], cwd=home.folder, env=home.environ, stdout=pipe, stderr=subprocess.PIPE
        )
    assert (done.returncode, done.stderr) == (Exit.NO_READER, b"")


def test_a_full_disk_is_said_once(home: Home) -> None:
    """One message, no complaint of the interpreter behind it."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "list", "--json"], cwd=home.folder, env=home.environ, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == Exit.YOURS
    assert json.loads(done.stderr)["message"] == "No space left on device"


def test_ctrl_c_ends_with_130(home: Home) -> None:
    """As a shell says of a program that SIGINT ended."""
    with home.start("connect", "nordwind", "google-ads", "--no-browser") as process:
        assert process.stderr is not None
        while "http" not in process.stderr.readline():
            continue
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == Exit.INTERRUPTED
    assert "Traceback" not in err


def test_init_in_a_folder_that_is_not_there_says_so(empty: Home) -> None:
    """It makes files, not folders."""
    done = empty.call("--config", str(empty.folder / "none" / "x.toml"), "init")
    assert done.code == 3
    assert "there is no folder" in done.err
    assert "Make the folder first." in done.err
