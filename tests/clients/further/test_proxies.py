"""A proxy that the environment names sees no token, whatever client would use it."""

from __future__ import annotations

import pytest

from clients.further.callers import CALLERS, Caller
from clients.further.told import Told
from clients.libraries import GOOGLEADS_WARNINGS
from clients.sources import GRANT, ScriptedSource
from grantkeeper.clients import ad_manager, bearer, google_api
from grantkeeper.errors import InvalidInput


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, told: Told) -> Told:
    """What the environment names as the proxy for http, as in many companies' networks."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", told.url)
    return told


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("caller", CALLERS, ids=lambda each: each.name)
def test_a_token_for_this_machine_does_not_leave_it_through_a_proxy(
    caller: Caller, source: ScriptedSource, told: Told
) -> None:
    """Clients believe the environment, and would hand `http://localhost` with its token to the proxy in clear."""
    with pytest.raises(InvalidInput, match="not through a proxy"):
        caller.call("http://localhost:9/", bearer.auth(source, GRANT))

    assert told.calls == []


@pytest.mark.parametrize("caller", CALLERS, ids=lambda each: each.name)
@pytest.mark.parametrize("exempt", ["localhost,127.0.0.1", "*"])
def test_a_machine_that_the_proxy_is_not_for_is_called(
    caller: Caller, source: ScriptedSource, proxy: Told, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    """NO_PROXY is what the refusal advises."""
    monkeypatch.setenv("no_proxy", exempt)

    assert caller.call(f"{proxy.url}/here", bearer.auth(source, GRANT)).status == 200
    assert [(each.path, each.token) for each in proxy.calls] == [("/here", "token-1")]


@pytest.mark.parametrize(
    ("variable", "url", "safe"),
    [
        ("http_proxy", "http://localhost:8080/", False),
        ("all_proxy", "http://[::1]/", False),
        ("https_proxy", "http://localhost:8080/", True),
        ("http_proxy", "https://localhost:8080/", True),
    ],
)
@pytest.mark.usefixtures("proxy")
def test_only_a_proxy_for_http_matters(monkeypatch: pytest.MonkeyPatch, variable: str, url: str, safe: bool) -> None:
    """Within TLS a proxy sees no token."""
    monkeypatch.delenv("http_proxy")
    monkeypatch.setenv(variable, "http://proxy.example:3128")

    assert bearer.carries_tokens(url) is safe


@GOOGLEADS_WARNINGS
@pytest.mark.usefixtures("proxy")
def test_no_endpoint_on_this_machine_is_called_through_a_proxy(source: ScriptedSource) -> None:
    """The same rule for the clients that are made with an endpoint."""
    with pytest.raises(InvalidInput, match="cannot be called safely"):
        ad_manager.rest_client(source, GRANT, api_endpoint="http://localhost:9")
    with pytest.raises(InvalidInput, match="cannot be called safely"):
        google_api.service(source, GRANT, "searchconsole", "v1", api_endpoint="http://localhost:9")
