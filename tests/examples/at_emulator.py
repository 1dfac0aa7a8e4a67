"""Run a program as it stands, with Google Ads at the emulator: python at_emulator.py TARGET PROGRAM ARGUMENT..."""

from __future__ import annotations

import runpy
import sys

from google.ads.googleads.client import GoogleAdsClient

_, target, *sys.argv = sys.argv
original = GoogleAdsClient.__init__


def made(self: GoogleAdsClient, **options: object) -> None:
    """Make a client that reaches the emulator."""
    original(self, **{**options, "endpoint": target})


GoogleAdsClient.__init__ = made
runpy.run_path(sys.argv[0], run_name="__main__")
