"""`grantkeeper demo`: a small agency's site on the emulator, to click through or to watch walking by itself."""

from grantkeeper.cli.demo.command import demo

__all__ = ["demo"]
