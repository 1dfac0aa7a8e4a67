"""Requests that are not as they should be: refused, each in its own way, and never a failure of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from api.asking import SITE, Asker, Site
from api.test_keys import BODIES, path_of
from grantkeeper import Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, oauth_client
from grantkeeper.web.api.operations import Operation
from grantkeeper.web.api.serving.requests import MAX_BODY
from grantkeeper.web.api.table import OPERATIONS

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
PATHS: Final = sorted({each.path for each in OPERATIONS})
SENDS: Final = [each for each in OPERATIONS if each.method in ("POST", "PATCH")]
TAKES: Final = [each for each in OPERATIONS if each.query.__struct_fields__]
ODD: Final = (
    "\x00",
    "a\x00b",
    "\u202ea",
    "\ud800",
    "\U0010ffff",
    "\ufeff",
    "a\nb",
    " ",
    "\u115f",
    "%s%n",
    "'; --",
    "á",
)
KINDS: Final = (None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "*/*")
NO_OBJECTS: Final = (
    *(b"[]", b"1", b"null", b'"x"', b"{", b"{} {}", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":"\xff"}'),
    *(b"\xff\xfe{\x00}\x00", b"[" * 100_000, b'{"a":' * 50_000, b'{"a":"\\ud800"}', b'{"\\udfff":1}'),
)
NOWHERE: Final = (
    *("/v1", "/v1/", "/v1/nothing", "/v1/grants/", "/v1//grants", "/v1/grants/a/b", "/v1/grants/a%2Ftoken"),
    *("/V1/grants", "/v1/grants/%00"),
)
pytestmark = pytest.mark.reveals("access token", "webhook secret", "link token")


def allowed(path: str) -> str:
    """Return what Allow says of a path."""
    return ", ".join(sorted(each.method for each in OPERATIONS if each.path == path))


def filled(path: str) -> str:
    """Return a path with ids that lead nowhere."""
    return path.format(grant_id="gr_x", link_id="lk_x", key_id="k", endpoint_id="ep_x")


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_is_not_there_is_refused_with_those_that_are(asker: Asker, path: str) -> None:
    """RFC 9110 15.5.6: 405 with Allow; HEAD and OPTIONS too, which no program needs."""
    for method in METHODS:
        if method not in allowed(path).split(", "):
            answer = asker.ask(method, filled(path))
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed(path)), method


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/style.css"])
def test_what_is_there_to_be_read_is_read_only(site: Site, path: str) -> None:
    """The document needs no key; another method is told so."""
    nobody = site.with_secret("")
    assert nobody.get(path).status_code == 200
    refused = nobody.ask("POST", path)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("path", NOWHERE)
def test_what_is_not_there_is_not_found(asker: Asker, path: str) -> None:
    """V-39d: no second spelling of a path leads anywhere."""
    assert asker.get(path).status_code == 404


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_without_a_key_nothing_is_looked_at(site: Site, operation: Operation) -> None:
    """401 for every operation, whatever else is wrong with the request."""
    answer = site.with_secret("").ask(operation.method, filled(operation.path), body=[], query={"x": "y"})
    assert answer.status_code == 401


@pytest.mark.parametrize("operation", SENDS, ids=lambda each: each.name)
@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_a_body_that_is_too_large_is_refused(asker: Asker, operation: Operation, chunked: bool) -> None:
    """V-48: by its length, and while it comes when it says none."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 1024 + 1):
            yield b"x" * 1024

    content: Any = parts() if chunked else b"x" * (MAX_BODY + 1)
    headers = {"authorization": f"Bearer {asker.secret}", "content-type": "application/json"}
    asked = asker.http.request(operation.method, filled(operation.path), content=content, headers=headers)
    answer = asker._runner.run(asked)

    assert (answer.status_code, answer.json()["type"]) == (413, "urn:grantkeeper:problem:too_large")


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 30, "x"])
def test_a_length_that_is_none_is_refused(asker: Asker, length: str) -> None:
    """No number of bytes, no body."""
    assert asker.ask("POST", "/v1/links", headers={"content-length": length}).status_code == 413


def sent(asker: Asker, operation: Operation, content: bytes, kind: str | None = "application/json") -> Any:
    """Send these bytes as the body of an operation."""
    headers = {"authorization": f"Bearer {asker.secret}"} | ({} if kind is None else {"content-type": kind})
    asked = asker.http.request(operation.method, filled(operation.path), content=content, headers=headers)
    return asker._runner.run(asked)


@pytest.mark.parametrize("operation", SENDS, ids=lambda each: each.name)
def test_what_says_that_it_is_no_json_is_refused(asker: Asker, operation: Operation) -> None:
    """V-37: a form that another site lets a browser send is not read."""
    content = json.dumps(BODIES.get(operation.name, {})).encode()
    for kind in KINDS:
        answer = sent(asker, operation, content, kind)
        assert (answer.status_code, answer.json()["title"]) == (415, "Unsupported Media Type"), kind


@pytest.mark.parametrize("operation", SENDS, ids=lambda each: each.name)
def test_what_is_no_json_object_is_refused(asker: Asker, operation: Operation) -> None:
    """Two programs that read it differently would do different things: doubled names, other encodings."""
    for content in NO_OBJECTS:
        answer = sent(asker, operation, content)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:grantkeeper:problem:not_json"), content[:20]


@pytest.mark.parametrize("operation", SENDS, ids=lambda each: each.name)
def test_an_unknown_member_is_refused(asker: Asker, operation: Operation) -> None:
    """V-46: nothing is set that the operation does not name; a typing error is no silence."""
    body = {**BODIES.get(operation.name, {}), "status_": "active"}
    assert sent(asker, operation, json.dumps(body).encode()).status_code == 422


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_an_unknown_parameter_is_refused_by_name(asker: Asker, operation: Operation) -> None:
    """A filter with a typing error would list everything."""
    answer = asker.ask(
        operation.method, filled(operation.path), body=BODIES.get(operation.name), query={"ownr": "acme"}
    )
    assert answer.status_code == 422
    assert "ownr" in answer.json()["detail"]


@pytest.mark.parametrize("operation", TAKES, ids=lambda each: each.name)
def test_a_parameter_that_comes_twice_is_refused(asker: Asker, operation: Operation) -> None:
    """Nobody can say which one is meant; also when both are the same."""
    for name in operation.query.__struct_fields__:
        answer = asker.ask(operation.method, f"{filled(operation.path)}?{name}=1&{name}=1")
        assert answer.status_code == 422
        assert "more than once" in answer.json()["detail"]


@pytest.mark.parametrize("operation", TAKES, ids=lambda each: each.name)
def test_null_is_no_way_to_leave_a_parameter_out(asker: Asker, operation: Operation) -> None:
    """Once `?status=null` listed every grant: it is a word like another, or refused, and never silently nothing."""
    for field in operation.query.__struct_fields__:
        kind = operation.query.__annotations__[field]
        if "Text" in kind:
            continue  # an owner may be called so
        for word in ("null", "NULL", "Null"):
            answer = asker.ask(operation.method, f"{filled(operation.path)}?{field}={word}")
            assert answer.status_code == 422, field


def test_an_owner_may_be_called_null(site: Site, asker: Asker, keeper: Keeper) -> None:
    """Then it is looked for under this name."""
    keeper.link("null", "google-ads")
    keeper.link("acme", "google-ads")
    assert [each["owner"] for each in asker.get("/v1/links", owner="null").json()["items"]] == ["null"]


@pytest.fixture
def everywhere(database_url: str, emulator: Emulator) -> Iterator[Asker]:
    """A program that asks an API over each kind of database in turn."""
    with ExitStack() as stack:
        store = SqlStore(database_url, now=emulator.clock.now)
        store.migrate()
        keeper = Keeper(
            store=store,
            sealer=KeyRing.parse(new_key()),
            clients=(oauth_client(emulator, "google-ads", ["adwords"]),),
            transport=EmulatorTransport(emulator),
            now=emulator.clock.now,
            pages_url=SITE,
        )
        yield stack.enter_context(Site(stack.enter_context(keeper))).asker("admin")


def test_odd_characters_break_no_database(everywhere: Asker) -> None:
    """In every parameter and member that is a text: an answer of the document, never a 5xx. Nor is one confused."""
    found: dict[str, int] = {}
    for odd in ODD:
        for operation in OPERATIONS:
            for name in operation.query.__struct_fields__:
                query = {name: odd.encode("utf-8", "surrogatepass")}
                answer = everywhere.ask(operation.method, filled(operation.path), query=query)
                found[f"{operation.name} {name}={odd!a}"] = answer.status_code
            for name in () if operation.body is None else operation.body.__struct_fields__:
                body = {**BODIES.get(operation.name, {}), name: odd}
                answer = everywhere.ask(operation.method, filled(operation.path), body=body)
                found[f"{operation.name} {{{name}: {odd!a}}}"] = answer.status_code

    assert {what: status for what, status in found.items() if status >= 500} == {}


def test_an_owner_comes_back_letter_by_letter(everywhere: Asker) -> None:
    """Two ways to write the same letter are two owners: nothing is folded on the way in or out."""
    owners = ["á", "a\u0301", "Acme", "acme", "日本", "😀", "a b", "a'b\"c", "50%"]
    for owner in owners:
        assert everywhere.post("/v1/links", {"owner": owner, "client": "google-ads"}).status_code == 201
    for owner in owners:
        assert [each["owner"] for each in everywhere.get("/v1/links", owner=owner).json()["items"]] == [owner]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_no_answer_is_to_be_kept_by_anybody(site: Site, grant: Grant, operation: Operation) -> None:
    """V-26: tokens, addresses and names, and refusals too: `no-store`, whichever operation, and no type is guessed."""
    for asker in (site.asker("admin"), site.asker("admin", owners=["other"]), site.with_secret("")):
        answer = asker.ask(operation.method, path_of(operation, grant.id), body=BODIES.get(operation.name))
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
