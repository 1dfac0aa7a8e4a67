"""The one call of the Ad Manager SOAP API that finds networks, and what its answer holds.

SOAP 1.1, document/literal. Source: developers.google.com/ad-manager/api/soap_xml and .../reference/v202608/
NetworkService, read 2026-11-22. An answer is untrusted: no document type, bounded, missing members empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from ..errors import GrantkeeperError, ProviderUnavailable
from ..model import Request, Response
from .answers import unusable
from .refusals import refused, rest_refusal

VERSION: Final = "v202608"
"""The newest, 2026-11-22; it is switched off in August 2027 (developers.google.com/ad-manager/api/deprecation)."""

_API: Final = "ad_manager"
_ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_NAMESPACE: Final = f"https://www.google.com/apis/ads/publisher/{VERSION}"
_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_NAMED: Final = re.compile(r"[A-Za-z]{1,60}\.[A-Z0-9_]{1,100}")
_LARGEST: Final = 1024 * 1024
_MOST: Final = 10_000
"""Networks that one person may have; an administrator of a large publisher has a few dozen."""
_MOST_ERRORS: Final = 50
"""Errors of one fault that are looked at: Ad Manager sends one of a call without arguments."""


def get_all_networks(base: str, application: str) -> Request:
    """Return the call of getAllNetworks at `https://ads.google.com` or a stand-in; it needs no network code.

    `application` is shown to the publisher; Ad Manager requires one.
    """
    header = f"<applicationName>{escape(application)}</applicationName>"
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soap:Envelope xmlns:soap="{_ENVELOPE}"><soap:Header>'
        f'<RequestHeader xmlns="{_NAMESPACE}">{header}</RequestHeader></soap:Header>'
        f'<soap:Body><getAllNetworks xmlns="{_NAMESPACE}"/></soap:Body></soap:Envelope>'
    )
    return Request(
        method="POST",
        url=f"{base}/apis/ads/publisher/{VERSION}/NetworkService",
        headers={"content-type": "text/xml; charset=utf-8", "soapaction": '""'},
        body=body.encode(),
        largest=_LARGEST,
    )


def values(response: Response) -> list[dict[str, str]]:
    """Return the members of each `rval` of the answer, as texts.

    Raises:
        GrantkeeperError: the API refuses, by a fault or an HTTP status.
        ProviderUnavailable: the answer is no SOAP answer.
    """
    envelope = _parsed(response)
    fault = _first(envelope, "Body", "Fault")
    if fault is not None:
        raise _refusal(envelope, fault, response)
    if not 200 <= response.status < 300:
        raise rest_refusal(_API, response)
    answer = _first(envelope, "Body", "getAllNetworksResponse")
    if answer is None:
        raise unusable(_API, "it is no answer to getAllNetworks")
    found = [{_local(member): member.text or "" for member in each} for each in _children(answer, "rval")]
    if len(found) > _MOST:
        raise unusable(_API, f"it has {len(found)} networks")
    return found


def _parsed(response: Response) -> ElementTree.Element | None:
    """Return the envelope, or None when the answer is no XML without a document type (SOAP 1.1 section 3)."""
    try:
        # Decoded here, so that no declared encoding can hide a document type from the next line.
        text = response.body.decode("utf-8")
        if "<!DOCTYPE" in text.upper():
            return None
        return ElementTree.fromstring(text)  # noqa: S314 - no document type, so no entities, and no long text
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError):
        return None


def _refusal(envelope: ElementTree.Element | None, fault: ElementTree.Element, response: Response) -> GrantkeeperError:
    """Return the error of ours that a fault is: its first ApiError, or its status when there is none."""
    errors = islice(_below(fault, "detail", "ApiExceptionFault", "errors"), _MOST_ERRORS)
    code = next((code for each in errors if (code := _code(each))), "")
    said = _text(fault, "faultstring")
    if not code:
        return rest_refusal(_API, response) if response.status >= 300 else _unnamed(said)
    request_id = _text(envelope, "Header", "ResponseHeader", "requestId")
    return refused(_API, code, said=said, request_id=request_id)


def _unnamed(said: str) -> ProviderUnavailable:
    return unusable(_API, f"a fault without a name: {said}")


def _code(error: ElementTree.Element) -> str:
    """Return `AuthenticationError.NETWORK_NOT_FOUND` for an ApiError, "" when it is none."""
    kind = error.get(_TYPE, "").rpartition(":")[2]
    for each in (f"{kind}.{_text(error, 'reason')}", _text(error, "errorString")):
        if found := _NAMED.match(each):
            return found[0]
    return ""


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (each for each in element if _local(each) == name)


def _below(element: ElementTree.Element | None, *names: str) -> Iterator[ElementTree.Element]:
    """Return the elements at a path, never deeper: each is looked at once, however an answer nests them."""
    found = iter(()) if element is None else iter((element,))
    for name in names:
        found = chain.from_iterable(map(partial(_children, name=name), found))
    return found


def _first(element: ElementTree.Element | None, *names: str) -> ElementTree.Element | None:
    return next(_below(element, *names), None)


def _text(element: ElementTree.Element | None, *names: str) -> str:
    found = _first(element, *names)
    return "" if found is None else (found.text or "").strip()
