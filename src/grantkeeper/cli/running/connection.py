"""A connection: one reading of each request, and a bound on each wait (V-48, R-57)."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from grantkeeper.web.service.load import MAX_HEADERS

if TYPE_CHECKING:
    from asyncio import TimerHandle, Transport

HEADERS_IN: Final = 10.0
"""Seconds in which a request's head has to be here whole, counted from its first byte, or from the connection."""
LINGER: Final = 2.0
"""Seconds in which whoever is refused in the middle of sending can read why, and, at our end, in which a request that
was sent before its sender could know of that end still comes."""
UNREAD: Final = 30.0
"""Seconds in which somebody has to take something of what is sent to him: a phone in a tunnel may be silent so long."""
UNREAD_AT_END: Final = 5.0
"""The same once the service stops: who reads at all has read something by then."""
_BODY_BEHIND: Final = 256 * 1024
"""Bytes that may come in one piece with the end of a head: uvloop reads that much at once."""
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_NO_TUNNEL: Final = b"HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _TooLargeError(Exception):
    """Ends the reading of a connection whose request has a head, or a trailer, that is too large."""


class Bounded(HttpToolsProtocol):
    """A connection whose requests begin in time, have heads of bounded size, and whose answers are read.

    uvicorn bounds none of these, and leaves out the body of a request that offers another protocol.
    """

    _clock: TimerHandle | None = None
    _head = 0
    """Bytes that came since a request's end, or a piece of its body: the only bound on a line that does not end."""
    _refused = False
    _fields = 0
    """Bytes of this request's target, headers and trailers."""
    _offer = False
    """Whether this request offers another protocol, or asks for a tunnel, and therefore is read again."""
    _unsent = 0
    """Bytes that the other side had not taken when it was looked last."""
    _taken: float | None = None
    """When it took something; None while nothing waits for it."""
    _answering: RequestResponseCycle | None = None
    """The request that is, or was last, answered; uvicorn's `cycle` is the one that came last."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the clock: who connects has something to say."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        self._leave()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _leave(self) -> None:
        """Tell who answers that nobody is there; uvicorn tells only the request that came last."""
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Count what comes; nothing of the body is left in the count once it is read.

        The wait for the next request goes on meanwhile, unlike uvicorn's: a stray line, or what is left of a body whose
        answer is out, is no request.
        """
        if self._refused:
            return
        self._head += len(data)
        if self._head > MAX_HEADERS + _BODY_BEHIND:
            self._refuse(_TOO_LARGE)
            return
        try:
            self._read(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _read(self, data: bytes | memoryview) -> None:
        """Let the parser read, and ignore offers of other protocols, as a server may (RFC 9110 7.8).

        The parser leaves such a request behind at the end of its head, as if it had no body, and would take the body
        for the next request. So it reads the head again, without the offer.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as found:
                data = memoryview(data)[found.args[0] :]
            else:
                return
            if self.parser.get_method() == b"CONNECT":  # all that follows would be for somebody else
                self._refuse(_NO_TUNNEL)
                return
            head = self._without_offer()
            self.parser = httptools.HttpRequestParser(self)  # the old one may believe that the connection is over
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
            self.parser.feed_data(head)

    def _without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def resume_writing(self) -> None:
        """Forget what was not taken: all but a little is."""
        self._taken = None
        super().resume_writing()

    def give_up_unread(self, now: float, patience: float) -> None:
        """End the connection if nothing of what is sent was taken for so many seconds.

        Only where nothing is added to what is sent: then less of it means that something was taken.
        """
        if not (self.flow.write_paused or self.transport.is_closing()):
            return
        unsent = self.transport.get_write_buffer_size()
        if not unsent:
            return
        unsent += _in_the_system(self.transport)
        if self._taken is None or unsent != self._unsent:
            self._unsent, self._taken = unsent, now
        elif now - self._taken >= patience:
            self._leave()
            self.transport.abort()

    def shutdown(self) -> None:
        """End what is idle, but not at once: into a connection that closes somebody may just have sent a request.

        Its answer says that the connection ends with it, as all do by now.
        """
        if self._under_way():
            super().shutdown()
        else:
            self._unset_keepalive_if_required()
            self.loop.call_later(LINGER, self._close_idle)

    def _close_idle(self) -> None:
        """Close the connection unless a request came; one whose head is not whole yet has the clock of its own."""
        begun = self._clock is not None and self._head
        if not begun and not self._under_way() and not self.transport.is_closing():
            self.transport.close()

    def _under_way(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn types it as always there
        return cycle is not None and not cycle.response_complete

    def on_message_begin(self) -> None:
        """Start the clock for this head, in place of the one for its coming."""
        super().on_message_begin()
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self._fields = 0
        self._start_clock()

    def on_url(self, url: bytes) -> None:
        """Count the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or a trailer; these have the same list to themselves (RFC 9110 6.5)."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the clock: the body has one of its own."""
        self._stop_clock()
        if self.timeout_keep_alive_task is not None:  # the last answer was not out yet when this head began
            self._unset_keepalive_if_required()
        self._offer = self.parser.should_upgrade()
        if not self._offer:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Begin to count anew."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next head."""
        if not self._offer:
            super().on_message_complete()
            self._head = 0

    def _count(self, size: int) -> None:
        self._fields += size
        if self._fields > MAX_HEADERS:
            self._refuse(_TOO_LARGE)
            raise _TooLargeError

    def send_400_response(self, msg: str) -> None:
        """Say so, unless the connection is ended already."""
        if not self._refused and not self.transport.is_closing():
            self.logger.warning(msg)
            super().send_400_response(msg)

    def _start_clock(self) -> None:
        if self._clock is None:
            self._clock = self.loop.call_later(HEADERS_IN, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._clock = None
        if self.flow.read_paused and not self._refused:  # it is not read while those before it are answered
            self._start_clock()
            return
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, answer: bytes) -> None:
        """Say so and end the connection, at once when another answer is under way.

        Else what still comes is thrown away for a moment: at a closed end it would meet a reset, which takes the answer
        away from whoever has not read it.
        """
        self._refused = True
        self._stop_clock()
        if self.transport.is_closing():
            return
        if self._under_way():
            self.transport.close()
            return
        self.transport.write(answer)
        self.transport.write_eof()
        self._clock = self.loop.call_later(LINGER, self._too_slow)


def _in_the_system(transport: Transport) -> int:
    """Return how many bytes the system has not delivered yet, where it tells; it buffers megabytes for slow readers."""
    with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):
        import fcntl
        import termios

        socket = transport.get_extra_info("socket")
        return int.from_bytes(fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0
