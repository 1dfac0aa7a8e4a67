"""NetworkService of the Ad Manager API over SOAP 1.1, document/literal.

Source: developers.google.com/ad-manager/api/soap_xml and .../reference/latest/NetworkService; googleads 51.0.0 (which
reads the WSDL, and a fault's `ApiExceptionFault`), 2026-11-22.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from grantkeeper.emulator.apis import access
from grantkeeper.emulator.apis.ad_manager import networks
from grantkeeper.emulator.wire import Request, Response

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.world import Network, Person

VERSIONS = ("v202511", "v202602", "v202605", "v202608")
"""Those that googleads 51.0.0 knows; any other has no WSDL."""
REASONS: Mapping[str, tuple[str, ...]] = {
    "AuthenticationError": (
        "AMBIGUOUS_SOAP_REQUEST_HEADER",
        "INVALID_EMAIL",
        "AUTHENTICATION_FAILED",
        "INVALID_OAUTH_SIGNATURE",
        "INVALID_SERVICE",
        "MISSING_SOAP_REQUEST_HEADER",
        "MISSING_AUTHENTICATION_HTTP_HEADER",
        "MISSING_AUTHENTICATION",
        "NETWORK_API_ACCESS_DISABLED",
        "NOT_WHITELISTED_FOR_API_ACCESS",
        "NO_NETWORKS_TO_ACCESS",
        "NETWORK_NOT_FOUND",
        "NETWORK_CODE_REQUIRED",
        "CONNECTION_ERROR",
        "GOOGLE_ACCOUNT_ALREADY_ASSOCIATED_WITH_NETWORK",
        "UNDER_INVESTIGATION",
        "UNKNOWN",
    ),
    "PermissionError": ("PERMISSION_DENIED",),
    "QuotaError": ("EXCEEDED_QUOTA", "REPORT_JOB_LIMIT"),
    "ServerError": ("SERVER_ERROR", "SERVER_BUSY"),
    "InternalApiError": ("UNEXPECTED_INTERNAL_API_ERROR", "TRANSIENT_ERROR", "DOWNSTREAM_ERROR"),
    "ApiVersionError": ("UPDATE_TO_NEWER_VERSION",),
}
"""The errors that any call may meet, and their reasons; of those after the first, the ones about the caller."""
_PATH = re.compile(r"/apis/ads/publisher/(v[0-9]{6})/NetworkService")
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_TYPE = ("content-type", "text/xml; charset=utf-8")
_MOST_BODY = 1 << 20
"""A call of this service is below 2 kB."""


class _Fault(Exception):
    """An ApiExceptionFault with one error in it; a fault of the envelope itself has no error kind."""

    def __init__(self, name: str, *, kind: str = "AuthenticationError", trigger: str = "") -> None:
        super().__init__(name)
        self.name = name
        self.kind = kind
        self.trigger = trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    """What a request's envelope holds; `has_header` tells of RequestHeader."""

    operation: str
    has_header: bool
    network_code: str


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request at the service's path; None for any other."""
    match = _PATH.fullmatch(request.path)
    if match is None or match[1] not in VERSIONS:
        return None
    version = match[1]
    if request.method == "GET" and any(name.lower() == "wsdl" for name, _ in request.query):
        # Without authorization: the client reads it before it has a token.
        return _xml(_wsdl(version).replace("@BASE_URL@", escape(emulator.base_url, {'"': "&quot;"})))
    if request.method != "POST":
        return None
    try:
        return _xml(_call(emulator, request, version))
    except _Fault as fault:
        return _xml(_fault_body(version, fault), 500)


def _call(emulator: Emulator, request: Request, version: str) -> str:
    envelope = _envelope(request.body, _namespace(version))
    person = _person(emulator, request.headers)
    if not envelope.has_header:
        raise _Fault("MISSING_SOAP_REQUEST_HEADER")
    ordered = emulator.faults.take_refusal("ad_manager_soap", envelope.network_code)
    if ordered:
        kind, _, reason = ordered.partition(".")
        raise _Fault(reason, kind=kind, trigger=envelope.network_code)
    operation = _OPERATIONS.get(envelope.operation)
    if operation is None:
        raise _Fault("UNKNOWN_OPERATION", kind="")
    found = "".join(_rval(each) for each in operation(emulator, person, envelope))
    name = f"{envelope.operation}Response"
    return _enveloped(version, f'<{name} xmlns="{_namespace(version)}">{found}</{name}>')


def _person(emulator: Emulator, headers: Mapping[str, str]) -> Person:
    token = access.bearer(headers)
    if token is None:
        raise _Fault("MISSING_AUTHENTICATION_HTTP_HEADER")
    caller = access.known(emulator, token)
    if caller is None or not caller.scopes & networks.SOAP_SCOPES:
        raise _Fault("AUTHENTICATION_FAILED")
    return caller.person


def _get_all(emulator: Emulator, person: Person, _envelope: _Envelope) -> tuple[Network, ...]:
    """Every network of the person; the header needs no network code, and one in it does not matter."""
    found = networks.of(emulator, person)
    if not found:
        raise _Fault("NO_NETWORKS_TO_ACCESS")
    return found


def _get_current(emulator: Emulator, person: Person, envelope: _Envelope) -> tuple[Network, ...]:
    """The network that the header names."""
    _get_all(emulator, person, envelope)
    if not envelope.network_code:
        raise _Fault("NETWORK_CODE_REQUIRED")
    network = networks.find(emulator, person, envelope.network_code)
    if network is None:
        raise _Fault("NETWORK_NOT_FOUND", trigger=envelope.network_code)
    return (network,)


def _make_test(emulator: Emulator, person: Person, _envelope: _Envelope) -> tuple[Network, ...]:
    network = networks.make_test(emulator, person)
    if network is None:
        raise _Fault("GOOGLE_ACCOUNT_ALREADY_ASSOCIATED_WITH_NETWORK")
    return (network,)


_OPERATIONS: Mapping[str, Callable[[Emulator, Person, _Envelope], tuple[Network, ...]]] = {
    "getAllNetworks": _get_all,
    "getCurrentNetwork": _get_current,
    "makeTestNetwork": _make_test,
}


def _envelope(body: bytes, namespace: str) -> _Envelope:
    """Read the envelope. It may have no DTD, so no entities of its own (SOAP 1.1 section 3)."""
    root = _parsed(body)
    content = root.find(f"{{{_ENVELOPE}}}Body")
    if root.tag != f"{{{_ENVELOPE}}}Envelope" or content is None or len(content) != 1:
        raise _Fault("BAD_ENVELOPE", kind="")
    header = root.find(f"{{{_ENVELOPE}}}Header/{{{namespace}}}RequestHeader")
    code = "" if header is None else header.findtext(f"{{{namespace}}}networkCode") or ""
    operation = content[0].tag.removeprefix(f"{{{namespace}}}")
    return _Envelope(operation=operation, has_header=header is not None, network_code=code.strip())


def _parsed(body: bytes) -> ElementTree.Element:
    if len(body) > _MOST_BODY:
        raise _Fault("TOO_LARGE", kind="")
    try:
        # Decoded here, so that no declared encoding can hide a DTD from the next line.
        text = body.decode("utf-8")
        if "<!DOCTYPE" in text.upper():
            raise _Fault("DTD_NOT_ALLOWED", kind="")
        return ElementTree.fromstring(text)  # noqa: S314 - no DTD and no long text can come here
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError) as error:
        raise _Fault("NOT_XML", kind="") from error


def _namespace(version: str) -> str:
    return f"https://www.google.com/apis/ads/publisher/{version}"


@cache
def _wsdl(version: str) -> str:
    text = resources.files(__package__).joinpath("network_service.wsdl").read_text("utf-8")
    return text.replace("@VERSION@", version)


def _rval(network: Network) -> str:
    """Return a Network, its members in the order of the schema's sequence."""
    members = {
        "id": network.code,
        "displayName": network.name,
        "networkCode": network.code,
        "propertyCode": network.code,
        "timeZone": network.time_zone,
        "currencyCode": network.currency,
        "effectiveRootAdUnitId": networks.root_ad_unit(network),
        "isTest": str(network.test).lower(),
    }
    return f"<rval>{''.join(f'<{name}>{escape(value)}</{name}>' for name, value in members.items())}</rval>"


def _enveloped(version: str, content: str) -> str:
    header = f"<requestId>{secrets.token_hex(16)}</requestId><responseTime>12</responseTime>"
    return (
        f'<soap:Envelope xmlns:soap="{_ENVELOPE}"><soap:Header>'
        f'<ResponseHeader xmlns="{_namespace(version)}">{header}</ResponseHeader>'
        f"</soap:Header><soap:Body>{content}</soap:Body></soap:Envelope>"
    )


_REFUSED = {
    "UNKNOWN_OPERATION": ("soap:Client", "Cannot find dispatch method."),
    "BAD_ENVELOPE": ("soap:Client", "Not a SOAP 1.1 envelope with one call in its body."),
    "TOO_LARGE": ("soap:Client", "The message is too large."),
    "DTD_NOT_ALLOWED": ("soap:Client", "A SOAP message must not contain a Document Type Declaration."),
    "NOT_XML": ("soap:Client", "Unmarshalling Error."),
}


def _fault_body(version: str, fault: _Fault) -> str:
    if not fault.kind:
        code, text = _REFUSED[fault.name]
        return _enveloped(version, _soap_fault(code, text))
    trigger = escape(fault.trigger)
    at = f"; trigger:'{trigger}'" if trigger else ""
    said = f"[{fault.kind}.{fault.name} @ {at}]"
    error = (
        f'<errors xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="{fault.kind}"><fieldPath/>'
        f"<trigger>{trigger}</trigger><errorString>{fault.kind}.{fault.name}</errorString>"
        f"<reason>{fault.name}</reason></errors>"
    )
    detail = f'<ApiExceptionFault xmlns="{_namespace(version)}"><message>{said}</message>{error}</ApiExceptionFault>'
    return _enveloped(version, _soap_fault("soap:Server", said, f"<detail>{detail}</detail>"))


def _soap_fault(code: str, text: str, detail: str = "") -> str:
    return f"<soap:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring>{detail}</soap:Fault>"


def _xml(text: str, status: int = 200) -> Response:
    return Response(status=status, headers=(_TYPE,), body=f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode())
