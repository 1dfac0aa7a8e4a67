"""What the pages say, in the languages they say it in.

The English sentence is its own key; the other languages are catalogues beside this file. A sentence is translated
whole, with named places for what differs, because the order of its parts is not the same everywhere.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Final

from markupsafe import Markup, escape

LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "ja": "日本語",
}
"""Code (BCP 47) -> its name in itself."""
_ONE: Final[Mapping[str, frozenset[int]]] = {
    "en": frozenset({1}),
    "de": frozenset({1}),
    "es": frozenset({1}),
    "fr": frozenset({0, 1}),
}
"""Which numbers take the singular (CLDR 48, plural rules for cardinals); Japanese has none."""
_MOST_RANGES: Final = 20
"""Languages in a header that are looked at: browsers send less than ten."""


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence by its English words, with what stands in its places.

    `one` are the words for a `count` of one.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    one: str = ""
    count: int = 0

    def __str__(self) -> str:
        """Return it in English, as plain text."""
        values = {name: str(value) for name, value in self.values.items()}
        return self.worded("en").format(**values)

    def worded(self, code: str) -> str:
        """Return the words that fit the count, still with their places."""
        return self.one if self.one and self.count in _ONE.get(code, ()) else self.key


@dataclass(frozen=True, slots=True)
class Said:
    """Words that come from elsewhere, an error's above all: translated where they are known.

    `otherwise` is a more general sentence, for a language that lacks them: there are more of them than anybody should
    translate.
    """

    words: str
    otherwise: Text

    def __str__(self) -> str:
        """Return them as they came."""
        return self.words


@dataclass(frozen=True, slots=True)
class Either:
    """Names of which one is meant."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        """Return them in English, as plain text."""
        *first, last = self.names
        return f"{', '.join(first)} or {last}" if first else last


def text(key: str, /, **values: object) -> Text:
    """Return a sentence; its key stands in every catalogue."""
    return Text(key, values)


def counted(count: int, one: str, other: str, /, **values: object) -> Text:
    """Return a sentence about `count` things; both its forms have the place `{count}`."""
    return Text(other, {"count": count, **values}, one, count)


@dataclass(frozen=True, slots=True)
class Words:
    """One language. Called with an English sentence, it gives markup: places are escaped, the catalogue is trusted."""

    code: str

    def __call__(self, key: str, /, **values: object) -> Markup:
        """Return a sentence."""
        return self.of(Text(key, values))

    def counted(self, count: int, one: str, other: str, /, **values: object) -> Markup:
        """Return a sentence about `count` things."""
        return self.of(counted(count, one, other, **values))

    def of(self, said: Text | Said | Either | str) -> Markup:
        """Return a sentence; a plain `str` is somebody's own words, and stays as it is unless it is known here."""
        words = catalogue(self.code)
        match said:
            case str():
                return Markup(words[said]) if said in words else escape(said)  # noqa: S704 - ours
            case Said():
                return self.of(said.otherwise if words and said.words not in words else said.words)
            case Either():
                return self._listed(said.names, "{first} or {last}")
        key = said.worded(self.code)
        values = {name: self._filled(each) for name, each in said.values.items()}
        return Markup(words.get(key, key)).format(**values)  # noqa: S704 - ours

    def both(self, names: Iterable[str]) -> Markup:
        """Return names that are all meant: `a, b and c`."""
        return self._listed(names, "{first} and {last}")

    def _filled(self, value: object) -> object:
        return self.of(value) if isinstance(value, Text | Said | Either) else value

    def _listed(self, names: Iterable[str], key: str) -> Markup:
        *first, last = names
        if not first:
            return escape(last)
        return self(key, first=self(", ").join(first), last=last)


@cache
def catalogue(code: str) -> Mapping[str, str]:
    """Return a language's catalogue, English -> translated; nothing for English."""
    if code == "en":
        return {}
    data = resources.files("grantkeeper.web.languages").joinpath(f"{code}.toml").read_text("utf-8")
    words: Mapping[str, str] = tomllib.loads(data)
    return words


def known(code: str) -> str:
    """Return the language that a tag means (`de-AT` means `de`; RFC 4647 3.4, lookup), "" when we do not have it."""
    first = code.strip().lower().partition("-")[0]
    return first if first in LANGUAGES else ""


def preferred(accept_language: str, default: str = "en") -> str:
    """Return the language that a browser likes best of those we have (RFC 9110 12.5.4)."""
    best, weight = default, 0.0
    for item in accept_language.split(",")[:_MOST_RANGES]:
        tag, _, rest = item.partition(";")
        code = default if tag.strip() == "*" else known(tag)
        wanted = _weight(rest)
        if code and wanted > weight:
            best, weight = code, wanted
    return best


def _weight(parameters: str) -> float:
    """Return the weight `q` of a range; what cannot be read weighs nothing."""
    name, _, value = parameters.strip().partition("=")
    if not name:
        return 1.0
    try:
        weight = float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
