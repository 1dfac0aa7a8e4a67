"""The AdWords API as far as one call needs it: it was switched off in 2022, so there is nothing else to ask."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

WSDL = Path(__file__).with_name("customer_service.wsdl")
CUSTOMER = "2223334441"
_CM = "{https://adwords.google.com/api/adwords/cm/v201809}"
_ANSWER = f"""\
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:cm="https://adwords.google.com/api/adwords/cm/v201809"
    xmlns="https://adwords.google.com/api/adwords/mcm/v201809">
  <soap:Header><ResponseHeader><cm:requestId>0005a3b1c2d4e5f6</cm:requestId></ResponseHeader></soap:Header>
  <soap:Body>
    <getCustomersResponse>
      <rval><customerId>{CUSTOMER}</customerId><currencyCode>EUR</currencyCode></rval>
    </getCustomersResponse>
  </soap:Body>
</soap:Envelope>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that came in. `headers` are those of the SOAP envelope."""

    authorization: str = field(repr=False)
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdWordsApi:
    """Where the API is reached, and the calls that came in, oldest first."""

    url: str
    calls: list[Call]


@contextmanager
def adwords_api() -> Iterator[AdWordsApi]:
    """Serve CustomerService.getCustomers on a port of this machine."""
    calls: list[Call] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(WSDL.read_text().replace("@BASE_URL@", f"http://{self.headers['host']}"))

        def do_POST(self) -> None:
            sent = ElementTree.fromstring(self.rfile.read(int(self.headers["content-length"])))
            named = {each.tag.removeprefix(_CM): each.text or "" for each in sent.iter() if each.tag.startswith(_CM)}
            calls.append(Call(authorization=self.headers["authorization"], headers=named))
            self._answer(_ANSWER)

        def _answer(self, xml: str) -> None:
            body = xml.encode()
            self.send_response(200)
            self.send_header("content-type", "text/xml; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield AdWordsApi(url=f"http://127.0.0.1:{server.server_port}", calls=calls)
        finally:
            server.shutdown()
            thread.join()
