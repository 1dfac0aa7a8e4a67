"""The API against its own OpenAPI document: whatever is sent, it answers as the document says, and never with a 5xx."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok

from api.asking import SETTINGS
from grantkeeper import Keeper
from grantkeeper.aio import AsyncKeeper
from grantkeeper.model import Scope
from grantkeeper.testing import Connect
from grantkeeper.web.api import api_app
from grantkeeper.web.api.operations import Nothing, Operation
from grantkeeper.web.api.serving import door
from grantkeeper.web.api.table import OPERATIONS
from keeper.people import IDA, TOM
from webhooks.receiver import listening

FEW: Final = 15
MANY: Final = 100
EXPECTED: Final = ("2xx", 401, 403, 404, 409, 429, 503)
NO_LIMIT: Final = 10**9
"""What is tried here is not the limits."""
UNLIMITED: Final = dataclasses.replace(SETTINGS, requests_per_minute=NO_LIMIT, distinct_grants_per_minute=NO_LIMIT)

pytestmark = pytest.mark.reveals("access token")


def _config() -> SchemathesisConfig:
    """Return how requests are made up and judged.

    Keys are ours to send. What a document cannot say of a value, that a cursor has to come from a list or that the
    provider gives no longer life, may be refused with 422 and 412; `_checked` sees to it that nothing else is.
    """
    return SchemathesisConfig.from_dict(
        {
            "generation": {"with-security-parameters": False},
            "checks": {"positive_data_acceptance": {"expected-statuses": [*EXPECTED, 412, 422]}},
        }
    )


def _checked(case: Any, seeded: Seeded, mode: GenerationMode) -> None:
    answer = case.call_and_validate(headers=seeded.headers())
    if mode is GenerationMode.POSITIVE and answer.status_code == 422:
        said = answer.json()["detail"]
        assert "`$" not in said, f"what fits the document was refused by its type: {said}"


class Seeded:
    """An application with something in it, the document of it, and a key that may do everything."""

    def __init__(self, keeper: Keeper, ids: Mapping[str, str]) -> None:
        made = api_app(AsyncKeeper(keeper), UNLIMITED)
        self.ids = ids
        self.secret = keeper.keys.create("schemathesis", [Scope.ADMIN]).secret
        self.schema = schemathesis.openapi.from_asgi("/openapi.json", made, config=_config())

    def headers(self) -> dict[str, str]:
        """Return what every request carries."""
        return {"Authorization": f"Bearer {self.secret.reveal()}"}


@pytest.fixture
def seeded(keeper: Keeper, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seeded]:
    """Two owners' grants, a link, a key, an endpoint; and an application that counts no failures: many are made."""
    monkeypatch.setattr(door, "_FAILURES", NO_LIMIT)
    grant = connect("acme", IDA)
    connect("globex", TOM)
    link = keeper.link("acme", "google-ads", grant_id=grant.id).link
    key = keeper.keys.create("to be ended", [Scope.GRANTS_READ]).key
    with listening() as receiver:
        endpoint, _ = keeper.webhooks.add(receiver.url)
        ids = {"grant_id": grant.id, "link_id": link.id, "key_id": key.id, "endpoint_id": endpoint.id}
        yield Seeded(keeper, ids)


def _tried(seeded: Seeded, operation: Operation, mode: GenerationMode, *, examples: int) -> None:
    """Send that many requests of an operation, made up after the document, and check each answer in every way."""
    described = seeded.schema[operation.path][operation.method]

    @settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=described.as_strategy(generation_mode=mode))
    def tried(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            _aim(case, seeded.ids)
        _checked(case, seeded, mode)

    tried()


def _aim(case: Any, ids: Mapping[str, str]) -> None:
    """Let every other request be about what there is: made-up ids only lead to 404."""
    for name, made_up in case.path_parameters.items():
        if zlib.crc32(str(made_up).encode()) % 2:
            case.path_parameters[name] = ids[name]


def _modes(operation: Operation) -> list[GenerationMode]:
    """Return how requests can be made up: where nothing can be sent, nothing can be wrong."""
    takes_nothing = not operation.places and operation.query is Nothing and operation.method == "GET"
    return [GenerationMode.POSITIVE] if takes_nothing else list(GenerationMode)


def test_no_operation_is_left_out(seeded: Seeded) -> None:
    """What is tried is the table; the document has each operation of it, and schemathesis takes each from there."""
    found = [each.ok() for each in seeded.schema.get_all_operations() if isinstance(each, Ok)]
    taken = {(each.method.upper(), each.path) for each in found}

    assert taken == {(each.method, each.path) for each in OPERATIONS}
    assert len(taken) == len(OPERATIONS)


def test_no_check_is_left_out(seeded: Seeded) -> None:
    """Every check that this version of schemathesis has is made for every operation."""
    load_all_checks()
    for each in OPERATIONS:
        described = seeded.schema[each.path][each.method]
        configured = described.schema.config.checks_config_for(operation=described)
        off = [name for name in CHECKS.get_all_names() if not configured.get_by_name(name=name).enabled]
        assert off == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_every_answer_is_one_of_the_document(seeded: Seeded, operation: Operation) -> None:
    """All checks of schemathesis: no 5xx, nothing undocumented, nothing wrong is taken (V-46), no key is no."""
    for mode in _modes(operation):
        _tried(seeded, operation, mode, examples=FEW)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_no_answer_of_very_many_is_another(seeded: Seeded, operation: Operation) -> None:
    """The same with many more requests."""
    for mode in _modes(operation):
        _tried(seeded, operation, mode, examples=MANY)
