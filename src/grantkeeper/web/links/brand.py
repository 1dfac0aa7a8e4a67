"""The business's own face on the pages: logo, colour and words, checked before the first page is shown."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

from grantkeeper.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

    from grantkeeper.settings import ServiceSettings

MOST_LOGO: Final = 256 * 1024
"""Bytes. It is fetched before the page looks finished, on phones too."""
READABLE: Final = 4.5
"""The contrast that text needs (WCAG 2.2, 1.4.3)."""
WHITE: Final = (255, 255, 255)
BLACK: Final = (0, 0, 0)
LIGHT_CARD: Final = WHITE
DARK_CARD: Final = (0x1A, 0x21, 0x1E)
"""What text stands on: `--card` of style.css in both schemes."""
STEPS: Final = 50
HOVER: Final = 0.15
"""How much darker, or lighter, a button is below the pointer."""

LOGO_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""An SVG that is opened by itself is a document: no script of it runs, and it is of no origin."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """How a business looks: `sheet` is a style sheet with its colours, `text` its words below each page."""

    logo: bytes | None = None
    logo_type: str = ""
    sheet: str = ""
    text: str = ""

    @property
    def version(self) -> str:
        """What changes when the logo or the colours do, for their addresses."""
        return hashlib.sha256((self.logo or b"") + self.sheet.encode()).hexdigest()[:12]


def brand_of(settings: ServiceSettings) -> Brand:
    """Return what the settings say; raises Misconfigured naming what to change."""
    logo, kind = _logo(settings.logo) if settings.logo else (None, "")
    sheet = _sheet(settings.colour) if settings.colour else ""
    return Brand(logo=logo, logo_type=kind, sheet=sheet, text=settings.text)


def _logo(file: Path) -> tuple[bytes, str]:
    """Return the logo and what it is, told by its content."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_LOGO + 1)
    except OSError as error:
        raise Misconfigured(f"The logo {file} cannot be read: {error.strerror}.", advice=_LOGO_ADVICE) from None
    if len(content) > MOST_LOGO:
        raise Misconfigured(f"The logo {file} is larger than {MOST_LOGO // 1024} KiB.", advice=_LOGO_ADVICE)
    if content.startswith(_PNG):
        return content, "image/png"
    if _is_svg(content):
        return content, "image/svg+xml"
    raise Misconfigured(f"The logo {file} is neither a PNG nor an SVG image.", advice=_LOGO_ADVICE)


_LOGO_ADVICE: Final = "Set logo in the section [service] to an SVG or PNG file of a few kB, or leave it out."


def _is_svg(content: bytes) -> bool:
    if b"<!DOCTYPE" in content.upper() or b"<!ENTITY" in content.upper():
        return False  # entities that multiply are no part of a picture
    try:
        return ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - no entities
    except ElementTree.ParseError:
        return False


# --- colour ----------------------------------------------------------------------------------------------------------


def _sheet(colour: str) -> str:
    """Return a style sheet in which the button has the colour itself, and text a shade of it that can be read."""
    if not _COLOUR.fullmatch(colour.lower()):
        raise Misconfigured(f"The colour {colour[:20]!r} is not one.", advice='Write colour = "#1a73e8" in [service].')
    brand = _read(colour)
    ink = ink_on(brand)
    hover = _mixed(brand, BLACK if ink == WHITE else WHITE, HOVER)
    common = f"--brand:{_written(brand)};--brand-strong:{_written(hover)};--on-accent:{_written(ink)};"
    light, dark = common + _text_on(brand, LIGHT_CARD), common + _text_on(brand, DARK_CARD)
    return f":root{{{light}}}@media (prefers-color-scheme: dark){{:root{{{dark}}}}}"


def _text_on(brand: Colour, card: Colour) -> str:
    accent = readable(brand, card)
    strong = _mixed(accent, BLACK if card == LIGHT_CARD else WHITE, HOVER)
    return f"--accent:{_written(accent)};--accent-strong:{_written(strong)};"


def ink_on(ground: Colour) -> Colour:
    """Return white or black, whichever is read better on this ground; one of them always has enough contrast."""
    return WHITE if contrast(WHITE, ground) >= contrast(BLACK, ground) else BLACK


def readable(colour: Colour, ground: Colour) -> Colour:
    """Return the colour, moved towards black or white until text in it can be read on this ground."""
    ink = ink_on(ground)
    shades = (_mixed(colour, ink, step / STEPS) for step in range(STEPS + 1))
    return next(shade for shade in shades if contrast(shade, ground) >= READABLE)


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Colour) -> float:
    """Return the relative luminance (WCAG 2.2, "relative luminance")."""
    red, green, blue = (_linear(each / 255) for each in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _read(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def _written(colour: Colour) -> str:
    return f"#{bytes(colour).hex()}"
