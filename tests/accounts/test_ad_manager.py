"""Ad Manager networks: over REST, or over SOAP where REST refuses."""

from __future__ import annotations

import time
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.driver import BASE, PERSON, Server, as_person, emulated, error_info, ok, status_error, walk, world
from grantkeeper.accounts import soap
from grantkeeper.accounts.google.ad_manager import DISCOVERY
from grantkeeper.emulator import Emulator
from grantkeeper.errors import AccessRefused, ConsentRequired, GrantkeeperError, Misconfigured, ProviderUnavailable
from grantkeeper.model import Request, Response

CODE = "21700000001"
ENVELOPE = 'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
NO_SCOPE = error_info(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
DISABLED = error_info(403, "PERMISSION_DENIED", "SERVICE_DISABLED")


def publisher(networks: int = 1) -> Emulator:
    """Return an emulator in which a person has so many networks."""
    tables = [
        f'[[network]]\ncode = "{21700000001 + each}"\nname = "Netzwerk & Söhne {each}"\ncurrency = "SEK"\n'
        f'time_zone = "Europe/Stockholm"\ntest = {str(each == 1).lower()}\npeople = ["{PERSON}"]\n'
        for each in range(networks)
    ]
    return emulated(world("".join(tables), people=(PERSON, "nobody@agency.example")))


def without_rest(server: Server, refusal: Response) -> Server:
    """Return a server whose REST API refuses."""
    return lambda request: refusal if "/v1/" in request.url else server(request)


def fault(reason: str, kind: str = "AuthenticationError", said: str = "No.") -> Response:
    """Return an ApiExceptionFault."""
    errors = f'<errors i:type="{kind}"><errorString>{kind}.{reason}</errorString><reason>{reason}</reason></errors>'
    detail = f"<detail><ApiExceptionFault>{errors}</ApiExceptionFault></detail>"
    return answered(f"<s:Fault><faultstring>{said}</faultstring>{detail}</s:Fault>", 500)


def answered(body: str, status: int = 200) -> Response:
    """Return a SOAP envelope with this body."""
    header = "<s:Header><ResponseHeader><requestId>soap-7</requestId></ResponseHeader></s:Header>"
    return Response(status=status, body=f"<s:Envelope {ENVELOPE}>{header}<s:Body>{body}</s:Body></s:Envelope>".encode())


def over_soap(answer: Response, rest: Response = NO_SCOPE) -> list[str]:
    """Return the ids that are found when REST and SOAP answer so."""
    return list(walk(DISCOVERY, lambda request: rest if "/v1/" in request.url else answer).by_id)


def test_networks_are_found_over_rest_in_one_request() -> None:
    """Code, name, currency, time zone and test flag."""
    done = walk(DISCOVERY, as_person(publisher(2), PERSON, "admanager.readonly"))

    assert [each.url for each in done.requests] == [f"{BASE}/v1/networks?pageSize=1000"]
    first, second = done.found
    assert (first.id, first.name, first.currency) == (CODE, "Netzwerk & Söhne 0", "SEK")
    assert (first.time_zone, first.test, second.test) == ("Europe/Stockholm", False, True)
    assert (first.enabled, first.level) == (True, 0)


@pytest.mark.parametrize(
    "refusal",
    [NO_SCOPE, DISABLED, status_error(404, "NOT_FOUND"), Response(status=404, body=b"<html>"), Response(status=501)],
)
def test_where_rest_cannot_be_used_soap_finds_the_same(refusal: Response) -> None:
    """Only dfp was granted, the REST API is not enabled, or it is not there."""
    server = as_person(publisher(2), PERSON, "dfp")

    done = walk(DISCOVERY, without_rest(server, refusal))

    assert done.found == walk(DISCOVERY, server).found
    assert len(done.requests) == 2


def test_the_soap_call_says_who_asks_and_is_well_formed() -> None:
    """Ad Manager requires an application's name; what is in it is escaped."""
    request = soap.get_all_networks("https://ads.google.com", "Fish & <Chips>")

    assert request.url == "https://ads.google.com/apis/ads/publisher/v202608/NetworkService"
    name = next(each for each in ElementTree.fromstring(request.body).iter() if each.tag.endswith("applicationName"))
    assert name.text == "Fish & <Chips>"


def test_at_google_each_api_has_its_own_host() -> None:
    """REST is at admanager.googleapis.com, SOAP at ads.google.com."""
    done = walk(
        DISCOVERY, lambda request: NO_SCOPE if "/v1/" in request.url else fault("NO_NETWORKS_TO_ACCESS"), base=None
    )

    assert [each.url.partition("/v1")[0].partition("/apis")[0] for each in done.requests] == [
        "https://admanager.googleapis.com",
        "https://ads.google.com",
    ]


def test_a_person_without_a_network_has_none_over_either_api() -> None:
    """REST's empty list and SOAP's NO_NETWORKS_TO_ACCESS are answers, not errors."""
    server = as_person(publisher(), "nobody@agency.example", "dfp")

    assert walk(DISCOVERY, server).found == []
    assert walk(DISCOVERY, without_rest(server, NO_SCOPE)).found == []


@pytest.mark.parametrize(
    ("rest", "answer", "expected", "code"),
    [
        (NO_SCOPE, fault("AUTHENTICATION_FAILED"), ConsentRequired, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        (DISABLED, fault("AUTHENTICATION_FAILED"), Misconfigured, "SERVICE_DISABLED"),
        (DISABLED, fault("UNDER_INVESTIGATION"), AccessRefused, "AuthenticationError.UNDER_INVESTIGATION"),
        (NO_SCOPE, Response(status=503, body=b"<html>"), ProviderUnavailable, "UNAVAILABLE"),
        (NO_SCOPE, fault("SERVER_BUSY", "ServerError"), ProviderUnavailable, "ServerError.SERVER_BUSY"),
    ],
)
def test_when_both_refuse_the_more_telling_error_is_raised(
    rest: Response, answer: Response, expected: type[GrantkeeperError], code: str
) -> None:
    """SOAP's vague AUTHENTICATION_FAILED says less than why REST could not be used."""
    with pytest.raises(expected) as caught:
        over_soap(answer, rest)

    assert caught.value.provider is not None
    assert caught.value.provider.error == code


@pytest.mark.parametrize(
    "refusal", [Response(status=503), status_error(429, "RESOURCE_EXHAUSTED"), Response(status=200)]
)
def test_what_passes_by_itself_does_not_lead_to_soap(refusal: Response) -> None:
    """A look that is tried again later asks REST again."""
    asked: list[Request] = []

    def server(request: Request) -> Response:
        asked.append(request)
        return refusal

    with pytest.raises(ProviderUnavailable):
        walk(DISCOVERY, server)
    assert len(asked) == 1


def test_a_fault_keeps_its_code_words_and_request_id() -> None:
    """What Ad Manager's support asks for is beside the error."""
    with pytest.raises(AccessRefused) as caught:
        over_soap(fault("NETWORK_NOT_FOUND", said="[AuthenticationError.NETWORK_NOT_FOUND @ ]"))

    words = caught.value.provider
    assert words is not None
    assert (words.error, words.request_id) == ("AuthenticationError.NETWORK_NOT_FOUND", "soap-7")
    assert words.description == "[AuthenticationError.NETWORK_NOT_FOUND @ ]"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Sign in</body></html>",
        b"{}",
        b"\xff\xfe<",
        b"<a>" * 200_000,
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b"<?xml version='1.0' encoding='utf-7'?><x/>",
        answered("<other/>").body,
        answered("<getAllNetworksResponse><rval><networkCode>x</networkCode></rval></getAllNetworksResponse>").body,
        answered(
            "<getAllNetworksResponse><rval><displayName>no code</displayName></rval></getAllNetworksResponse>"
        ).body,
        answered("<s:Fault><faultstring>odd</faultstring></s:Fault>").body,
        answered(f"<getAllNetworksResponse>{'<rval/>' * 10_001}</getAllNetworksResponse>").body,
    ],
    ids=lambda body: repr(body[-60:]),
)
def test_what_is_no_soap_answer_is_unavailable(body: bytes) -> None:
    """Hostile XML is refused: document types, wrong shapes, networks without number."""
    with pytest.raises(ProviderUnavailable):
        over_soap(Response(status=200, body=body))


def test_a_document_type_is_refused_however_it_is_hidden() -> None:
    """Entities could grow without end; SOAP 1.1 section 3 forbids a document type."""
    bomb = '<!DocType x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + answered("<getAllNetworksResponse/>").body.decode()

    for body in (bomb.encode(), bomb.encode("utf-16")):
        with pytest.raises(ProviderUnavailable):
            over_soap(Response(status=200, body=body))


@pytest.mark.parametrize(
    "detail",
    [
        "<errors>" * 12_000 + "</errors>" * 12_000,
        f"<detail><ApiExceptionFault>{'<errors>' * 12_000}{'</errors>' * 12_000}</ApiExceptionFault></detail>",
        f"<detail><ApiExceptionFault>{'<errors><x/></errors>' * 40_000}</ApiExceptionFault></detail>",
        "<detail><ApiExceptionFault>" * 12_000 + "</ApiExceptionFault></detail>" * 12_000,
    ],
    ids=["nested", "nested at its place", "many", "nested details"],
)
def test_a_fault_is_read_in_time_that_grows_with_its_length_only(detail: str) -> None:
    """R-33: what was read again at every depth took half a minute for 200 kilobytes."""
    answer = answered(f"<s:Fault>{detail}</s:Fault>", 500)

    started = time.process_time()
    with pytest.raises(ProviderUnavailable):
        over_soap(answer)

    assert time.process_time() - started < 2


def test_of_a_faults_errors_the_first_fifty_are_looked_at() -> None:
    """One that stands deeper than Ad Manager puts it, or has its words deeper, is none."""
    named = "<errors><errorString>AuthenticationError.NETWORK_NOT_FOUND</errorString></errors>"
    deep = named.replace("<errors>", "<errors><x>").replace("</errors>", "</x></errors>")

    def code(errors: str) -> str:
        fault = f"<s:Fault><detail><ApiExceptionFault>{errors}</ApiExceptionFault></detail></s:Fault>"
        with pytest.raises(GrantkeeperError) as caught:
            over_soap(answered(fault, 500))
        return caught.value.provider.error if caught.value.provider else ""

    assert code("<errors/>" * 49 + named) == "AuthenticationError.NETWORK_NOT_FOUND"
    assert code("<errors/>" * 50 + named) == "INTERNAL"
    assert code(deep) == "INTERNAL"
    assert code(f"<errors>{named}</errors>") == "INTERNAL"


@pytest.mark.parametrize(
    "networks", [7, {"networkCode": "1"}, [None], [{}], [{"networkCode": "1-2"}], [{"networkCode": 7}]]
)
def test_what_is_no_list_of_networks_is_unavailable(networks: Any) -> None:
    """REST's answers are as untrusted."""
    with pytest.raises(ProviderUnavailable):
        walk(DISCOVERY, lambda _request: ok({"networks": networks}))


def test_names_of_networks_are_cleaned_and_cut() -> None:
    """What a stranger named a network is shown to people."""
    network = {
        "networkCode": "1",
        "displayName": "A\u202e\x07" + "b" * 999,
        "currencyCode": ["EUR"],
        "testNetwork": "true",
    }

    (found,) = walk(DISCOVERY, lambda _request: ok({"networks": [network]})).found

    assert found.name.startswith("A bbb")
    assert (len(found.name), found.currency, found.test) == (200, "", False)


XML = st.text(st.sampled_from("<>/ab\"='&;! ?-[]\x00é"), max_size=40)


@given(body=XML, status=st.sampled_from([200, 403, 500]), whole=st.booleans())
def test_whatever_soap_answers_the_look_ends_with_networks_or_an_error_of_ours(
    body: str, status: int, *, whole: bool
) -> None:
    """No crash, whatever comes."""
    answer = answered(body, status) if whole else Response(status=status, body=body.encode())
    found, said = [], ""
    try:
        found = over_soap(answer)
    except GrantkeeperError as error:
        said = str(error)
    assert said.isprintable()
    assert found == []
