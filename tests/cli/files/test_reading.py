"""Files that people have are read as they are; what is wrong with them is said without a word of their secrets."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from grantkeeper.cli.files.csv_files import read_csv
from grantkeeper.cli.files.importing import _read
from grantkeeper.cli.files.items import Found, Item, Unusable, is_like_a_secret, shown
from grantkeeper.cli.files.yaml_files import ADWORDS_API, DEVELOPER_TOKEN, DFP, read_yaml
from grantkeeper.errors import InvalidInput

TOKEN = "1//0gCanary-of_the_REFRESH_token123"
SECRET = "GOCSPX-example-canary-of-a-secret"
CLIENT_ID = "1234567890-demo.apps.googleusercontent.com"
FILE = Path("people.csv")

GOOGLE_ADS = f"""\
# Google's own comment
developer_token: abcdefghijklmnopqrstuv
client_id: {CLIENT_ID}
client_secret: "{SECRET}"
refresh_token: {TOKEN}
login_customer_id: 111-222-3330
use_proto_plus: True
logging:
  version: 1
"""
GOOGLEADS = f"""\
ad_manager:
  application_name: Reports
  network_code: 21700000001
  client_id: {CLIENT_ID}
  client_secret: {SECRET}
  refresh_token: {TOKEN}
"""


def yaml(text: str) -> list[Found]:
    """Read a YAML file's text."""
    return read_yaml(Path("x.yaml"), text.encode(), owner="acme")


def item(found: list[Found]) -> Item:
    """The one item of a file."""
    (only,) = found
    assert isinstance(only, Item)
    return only


def why_not(found: list[Found]) -> str:
    """Why the one place of a file cannot be used; it quotes no secret."""
    (only,) = found
    assert isinstance(only, Unusable)
    said = f"{only.owner} {only.reason}. {only.advice}"
    assert TOKEN not in said
    assert SECRET not in said
    return said


def refusal(content: bytes, *, owner: str = "", kind: str = "csv") -> str:
    """Why a whole file cannot be used; it quotes no secret."""
    with pytest.raises(InvalidInput) as caught:
        (read_csv if kind == "csv" else read_yaml)(FILE, content, owner=owner)
    assert TOKEN not in str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_a_google_ads_yaml_names_client_and_token() -> None:
    """login_customer_id is a way and no account; the developer token is not kept, and that is said."""
    found = item(yaml(GOOGLE_ADS))

    assert (found.place, found.owner, found.client_id, found.api) == ("google-ads", "acme", CLIENT_ID, "google_ads")
    assert found.refresh_token.reveal() == TOKEN
    assert found.client_secret is not None
    assert found.client_secret.reveal() == SECRET
    assert found.accounts == ()
    assert found.notes == (DEVELOPER_TOKEN,)


def test_a_googleads_yaml_names_its_network() -> None:
    """The network that it is used for is what is shared."""
    found = item(yaml(GOOGLEADS))

    assert (found.place, found.api, found.accounts) == ("ad_manager", "ad_manager", ("21700000001",))
    assert found.notes == ()


def test_old_sections_are_read_and_called_old() -> None:
    """An adwords section's token works with the Google Ads API; dfp is the old name of ad_manager."""
    adwords = item(
        yaml(
            GOOGLEADS.replace("ad_manager:", "adwords:").replace(
                "network_code: 21700000001", "client_customer_id: 222-333-4441"
            )
        )
    )
    assert (adwords.api, adwords.accounts, adwords.notes) == ("google_ads", ("2223334441",), (ADWORDS_API,))
    assert item(yaml(GOOGLEADS.replace("ad_manager:", "dfp:"))).notes == (DFP,)


def test_several_sections_are_several_items() -> None:
    """Some keep everything in one file."""
    places = [each.place for each in yaml(GOOGLE_ADS + GOOGLEADS)]

    assert places == ["google-ads", "ad_manager"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (f"refresh_token: {TOKEN}", "json_key_file_path: /key.json", "service account"),
        (f"refresh_token: {TOKEN}", "path_to_private_key_file: /key.json", "service account"),
        (f"refresh_token: {TOKEN}", "other: 1", "no refresh_token"),
        (f"refresh_token: {TOKEN}", "refresh_token: null", "no refresh_token"),
        (TOKEN, "INSERT_REFRESH_TOKEN_HERE", "example text"),
        (TOKEN, f"{TOKEN} {TOKEN}", "cannot be one"),
        (f"client_id: {CLIENT_ID}", "other: 1", "no client_id"),
        (CLIENT_ID, "INSERT_OAUTH2_CLIENT_ID_HERE", "no client_id"),
        ("111-222-3330", "1112223", "login_customer_id that is none"),
    ],
)
def test_what_a_yaml_lacks_is_said(before: str, after: str, said: str) -> None:
    """In a sentence that quotes nothing."""
    assert said in why_not(yaml(GOOGLE_ADS.replace(before, after)))


@pytest.mark.parametrize(
    "content",
    [
        f"refresh_token: {TOKEN}\n  bad: {SECRET}: x".encode(),
        f"refresh_token: '{TOKEN}".encode(),
        f"refresh_token: !!python/object/apply:os.system [{TOKEN}".encode(),
        f"a: &a {TOKEN}\nrefresh_token: *a".encode(),
        b"a: &a [x]\nb: &b [*a, *a]\nrefresh_token: *b",
        b"[" * 5000,
        f"- {TOKEN}".encode(),
        TOKEN.encode(),
        b"",
        b"\x00\xff",
        b"some: other\nfile: yes",
        b"x: " + b"y" * 300_000,
    ],
)
def test_what_is_no_such_yaml_is_refused_without_quoting_it(content: bytes) -> None:
    """V-20: broken syntax, aliases, depth, size, another file: a parser's own words would show the line."""
    assert "people.csv" in refusal(content, owner="acme", kind="yaml")


def test_yaml_makes_no_objects() -> None:
    """A tag is not carried out."""
    found = yaml(GOOGLE_ADS.replace("use_proto_plus: True", "x: !!python/object/apply:os.system ['exit 3']"))

    assert item(found).refresh_token.reveal() == TOKEN


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_lists_come_in_many_ways(delimiter: str, encoding: str) -> None:
    """Delimiters and encodings of databases and spreadsheets; columns in any order, unknown ones left alone."""
    lines = [
        ["Refresh Token", "note", "OWNER", "customer_id", "email"],
        [TOKEN, "x", "Müller & Söhne", "222-333-4441", "ida@nordwind-outdoor.example"],
    ]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    found = item(read_csv(FILE, text.encode(encoding), owner=""))

    assert (found.place, found.owner, found.email) == ("line 2", "Müller & Söhne", "ida@nordwind-outdoor.example")
    assert (found.refresh_token.reveal(), found.accounts, found.api) == (TOKEN, ("2223334441",), "google_ads")


def test_one_owner_for_a_list_without_owners() -> None:
    """And not for one that has them."""
    assert item(read_csv(FILE, f"refresh_token\n{TOKEN}".encode(), owner="acme")).owner == "acme"
    assert "names owners itself" in refusal(f"owner,refresh_token\nx,{TOKEN}".encode(), owner="acme")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f",{TOKEN},", "no owner"),
        ("acme,,", "no refresh_token"),
        (f"{TOKEN},acme,", "looks like a secret in the column owner"),
        (f"acme,x,{TOKEN}", "looks like a secret in the column customer_id"),
        (f"acme,{TOKEN},12", "customer_id that is none"),
        (f"acme,{TOKEN},,{SECRET}", "more cells"),
        (f"acme;{TOKEN};", "fewer cells"),
        (f"acme,{TOKEN}", "fewer cells"),
        (f"acme,x,12 {TOKEN}", "looks like a secret in the column customer_id"),
    ],
)
def test_a_line_that_cannot_be_used_is_said_by_its_number(line: str, said: str) -> None:
    """V-20: the others are read; no message and no owner is a token in a wrong column."""
    text = f"owner,refresh_token,customer_id\n\nglobex,{TOKEN},\n{line}\n"
    good, *bad = read_csv(FILE, text.encode(), owner="")

    assert isinstance(good, Item)
    assert said in why_not(bad)
    assert bad[0].place == "line 4"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no header with owner and refresh_token"),
        (f"acme,{TOKEN}", "no header"),
        (f"owner\nacme,{TOKEN}", "no header with refresh_token"),
        (f"refresh_token\n{TOKEN}", "One owner for all: --owner"),
        (f"owner,refresh_token,refresh_token\nacme,{TOKEN},{TOKEN}", "two columns refresh_token"),
        (f'owner,refresh_token\nacme,"{TOKEN}', "not CSV from line 2"),
    ],
)
def test_what_is_no_list_is_refused_without_quoting_it(text: str, said: str) -> None:
    """V-20: a list without a header begins with a token."""
    assert said in refusal(text.encode())


def test_a_list_has_a_largest_size() -> None:
    """10 MB are fifty thousand customers."""
    assert "10 MB" in refusal(b"x" * (10 * 1024 * 1024 + 1))


def test_what_could_be_a_secret_is_not_shown() -> None:
    """By how Google's begin, or by how long and random it is; ids of customers are no secrets."""
    assert [
        each for each in (TOKEN, SECRET, "ya29.a0Af", "4/0Adeu5BWxyz", "aB3" * 20) if not is_like_a_secret(each)
    ] == []
    ids = ("acme", "123", "0c9d5b1e-91b0-4d2f-8f52-0d9f1b6c1a2b", "Nordwind Outdoor GmbH", CLIENT_ID, "a" * 64)
    assert [each for each in ids if is_like_a_secret(each)] == []
    paths = ("org-4/department-of-sales", "customer1/nordwind-outdoor", "https://crm.example/customers/4/nordwind")
    assert [each for each in paths if is_like_a_secret(each)] == []
    assert [each for each in (TOKEN, f"acme;{TOKEN}", f"x{TOKEN}", f"{TOKEN}{CLIENT_ID}") if shown(each) != "…"] == []
    long_id = f"123456789012-{'a1' * 16}.apps.googleusercontent.com"
    assert shown(long_id) == long_id


@pytest.mark.parametrize(
    ("name", "text"),
    [("bad.csv", f"acme,{TOKEN}\nglobex,{TOKEN}"), ("bad.yaml", f"refresh_token: '{TOKEN}"), ("a.yaml", f"- {TOKEN}")],
)
def test_a_traceback_with_local_variables_holds_no_line(tmp_path: Path, name: str, text: str) -> None:
    """V-22: error reporters send them along."""
    (tmp_path / name).write_text(text)

    with pytest.raises(InvalidInput) as caught:
        _read(tmp_path / name, "acme" if name.endswith("yaml") else "")
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = "".join(each for each in told.format() if "test_reading.py" not in each)
    assert "InvalidInput" in ours
    assert TOKEN not in ours
