"""Google in a box: its OAuth server, and the part of the Ads and Ad Manager APIs that a first call needs.

Everything that comes in is answered by `Emulator.handle`, without I/O; `serve` puts it on a port.
"""

from grantkeeper.emulator.clock import Clock
from grantkeeper.emulator.core import Emulator, Exchange, TokenInfo
from grantkeeper.emulator.oauth.faults import AnswerLost
from grantkeeper.emulator.server import Serving, asgi, serve
from grantkeeper.emulator.visitor import PageShown, Visitor
from grantkeeper.emulator.wire import Request, Response
from grantkeeper.emulator.world import World, WorldError

__all__ = [
    "AnswerLost",
    "Clock",
    "Emulator",
    "Exchange",
    "PageShown",
    "Request",
    "Response",
    "Serving",
    "TokenInfo",
    "Visitor",
    "World",
    "WorldError",
    "asgi",
    "serve",
]
