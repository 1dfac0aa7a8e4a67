"""Ad Manager over SOAP, in process: the WSDL, the faults, and envelopes that are none."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator_apis.calls import ADMANAGER, ADWORDS, DFP, READONLY, Rest
from grantkeeper.emulator import Emulator, Response

ANN, BOB, NOBODY = "ann@agency.example", "bob@shop.example", "nobody@shop.example"
PATH = "/apis/ads/publisher/v202608/NetworkService"
SPACE = "https://www.google.com/apis/ads/publisher/v202608"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
Call = Callable[..., Response]


def envelope(operation: str = "getAllNetworks", code: str | None = "111", *, header: bool = True) -> str:
    """Return a call's envelope."""
    network = "" if code is None else f"<n:networkCode>{code}</n:networkCode>"
    head = f"<n:RequestHeader>{network}<n:applicationName>tests</n:applicationName></n:RequestHeader>" if header else ""
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:n="{SPACE}"><s:Header>{head}</s:Header>'
        f"<s:Body><n:{operation}/></s:Body></s:Envelope>"
    )


def fault(response: Response) -> tuple[str, str]:
    """Return a fault's text and its error's reason."""
    assert response.status == 500
    root = ElementTree.fromstring(response.body)
    said = root.findtext(f"{{{SOAP}}}Body/{{{SOAP}}}Fault/faultstring")
    return str(said), str(root.findtext(f".//{{{SPACE}}}ApiExceptionFault/{{{SPACE}}}errors/{{{SPACE}}}reason"))


@pytest.fixture
def call(rest: Rest) -> Call:
    """POST an envelope."""

    def post(token: str | None, body: str | bytes) -> Response:
        return rest(token, PATH, body.encode() if isinstance(body, str) else body, {"content-type": "text/xml"})

    return post


@pytest.mark.parametrize("version", ["v202511", "v202602", "v202605", "v202608"])
def test_the_wsdl_is_open_and_sends_calls_back_here(emulator: Emulator, rest: Rest, version: str) -> None:
    """Without authorization, as the client reads it before it has a token."""
    path = f"/apis/ads/publisher/{version}/NetworkService"
    root = ElementTree.fromstring(rest(None, f"{path}?wsdl").body)

    assert root.attrib["targetNamespace"] == f"https://www.google.com/apis/ads/publisher/{version}"
    address = root.find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address is not None
    assert address.attrib["location"] == f"{emulator.base_url}{path}"


@pytest.mark.parametrize("path", ["/apis/ads/publisher/v201802/NetworkService?wsdl", PATH])
def test_there_is_no_wsdl_elsewhere(rest: Rest, path: str) -> None:
    """Not for a version that is switched off, not without ?wsdl."""
    assert rest(None, path).status == 404


@pytest.mark.parametrize("scope", [DFP, ADMANAGER])
def test_both_scopes_open_the_service(emulator: Emulator, call: Call, scope: str) -> None:
    """Not verified at Google; here either does."""
    assert call(emulator.mint(BOB, scope), envelope()).status == 200


def test_a_missing_header_is_a_missing_authentication(call: Call) -> None:
    """MISSING_AUTHENTICATION_HTTP_HEADER."""
    assert fault(call(None, envelope()))[1] == "MISSING_AUTHENTICATION_HTTP_HEADER"


@pytest.mark.parametrize("scope", [None, ADWORDS, READONLY])
def test_a_token_that_does_not_do_is_a_failed_authentication(emulator: Emulator, call: Call, scope: str | None) -> None:
    """AUTHENTICATION_FAILED, whether it is made up or lacks the scope."""
    token = "made-up" if scope is None else emulator.mint(BOB, scope)

    assert fault(call(token, envelope())) == (
        "[AuthenticationError.AUTHENTICATION_FAILED @ ]",
        "AUTHENTICATION_FAILED",
    )


@pytest.mark.parametrize(
    ("person", "body", "reason"),
    [
        (NOBODY, envelope(), "NO_NETWORKS_TO_ACCESS"),
        (NOBODY, envelope("getCurrentNetwork"), "NO_NETWORKS_TO_ACCESS"),
        (BOB, envelope("getCurrentNetwork", None), "NETWORK_CODE_REQUIRED"),
        (BOB, envelope("getCurrentNetwork", "222"), "NETWORK_NOT_FOUND"),
        (BOB, envelope("getCurrentNetwork", "999"), "NETWORK_NOT_FOUND"),
        (BOB, envelope(header=False), "MISSING_SOAP_REQUEST_HEADER"),
        (ANN, envelope("makeTestNetwork", None), "GOOGLE_ACCOUNT_ALREADY_ASSOCIATED_WITH_NETWORK"),
    ],
)
def test_each_refusal_has_its_reason(emulator: Emulator, call: Call, person: str, body: str, reason: str) -> None:
    """AuthenticationError.Reason of the WSDL."""
    assert fault(call(emulator.mint(person, DFP), body))[1] == reason


def test_the_trigger_is_quoted_and_escaped(emulator: Emulator, call: Call) -> None:
    """What came in goes out as text, not as XML."""
    said, _ = fault(call(emulator.mint(BOB, DFP), envelope("getCurrentNetwork", "&lt;b&gt;")))

    assert said == "[AuthenticationError.NETWORK_NOT_FOUND @ ; trigger:'<b>']"


DTD = "A SOAP message must not contain a Document Type Declaration."
NO_CALL = "Not a SOAP 1.1 envelope with one call in its body."
SOAP_1_2 = envelope().replace(SOAP, "http://www.w3.org/2003/05/soap-envelope")
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + envelope(code="&b;")
OUTSIDE = '<!doctype x [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + envelope(code="&a;")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (BOMB, DTD),
        (OUTSIDE, DTD),
        (BOMB.encode("utf-16"), "Unmarshalling Error."),
        (b"", "Unmarshalling Error."),
        (b"<a>", "Unmarshalling Error."),
        (b"\xff\xfe", "Unmarshalling Error."),
        ("<a/>", NO_CALL),
        (envelope().replace("Body", "Torso"), NO_CALL),
        (SOAP_1_2, NO_CALL),
        (envelope("getAllNetworks/><n:getAllNetworks"), NO_CALL),
        (envelope("updateNetwork"), "Cannot find dispatch method."),
        (envelope(code="9" * (1 << 20)), "The message is too large."),
    ],
    ids=["bomb", "outside", "hidden", "empty", "open", "bytes", "no", "torso", "1.2", "two", "unknown", "large"],
)
def test_what_is_no_call_is_refused(emulator: Emulator, call: Call, body: str | bytes, said: str) -> None:
    """No DTD, so no entities; no large message; nothing but a SOAP 1.1 call that is known."""
    assert fault(call(emulator.mint(BOB, DFP), body))[0] == said


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda text: envelope(code=text).encode()))
def test_any_body_gets_a_soap_answer(emulator: Emulator, call: Call, body: bytes) -> None:
    """A result or a fault, never a crash."""
    answer = call(emulator.mint(BOB, DFP), body)

    assert answer.status in (200, 500)
    assert ElementTree.fromstring(answer.body).tag == f"{{{SOAP}}}Envelope"
