"""The catalogues are whole: each sentence of the pages in each language, with the same places."""

from __future__ import annotations

import re
import string
from pathlib import Path

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes
from markupsafe import Markup, escape

from grantkeeper.model.service.links import LANGUAGES as OF_LINKS
from grantkeeper.settings.service_table import LANGUAGES as OF_SETTINGS
from grantkeeper.web.languages import LANGUAGES, Either, Said, Text, Words, catalogue, counted, preferred, text
from web.languages.keys import TEMPLATES, keys

OTHERS = tuple(code for code in LANGUAGES if code != "en")
TAG = re.compile(r"</?[a-z]+>")
CALLED_EVERYWHERE = {"Code", "Test", ", "}
"""Sentences that one of the languages happens to say in the same letters."""
CLASSES = {"good", "attention", "quiet"}
"""Names of styles, which a template may choose by itself."""


def places(sentence: str) -> list[str]:
    """Return the names of a sentence's places."""
    return sorted({name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None})


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_is_there_with_its_places_and_nothing_else_is(code: str) -> None:
    """A sentence of a page that a catalogue lacks, or says without what belongs into it, fails here."""
    words = catalogue(code)
    assert words.keys() == keys()
    for key, said in words.items():
        assert places(said) == places(key), key
        assert sorted(TAG.findall(said)) == sorted(TAG.findall(key)), key
        assert said.strip() or key == ", "
        assert said != key or key in CALLED_EVERYWHERE, key
        assert not re.search(r"[<>&](?!/?b>)", TAG.sub("", said)), key


@pytest.mark.parametrize("code", OTHERS)
def test_people_are_addressed_formally(code: str) -> None:
    """Sie, vous, usted: a word of the familiar form anywhere fails."""
    familiar = {
        "de": r"\b(du|dir|dich|dein\w*)\b",
        "fr": r"\b(tu|te|toi|ton|ta|tes)\b",
        "es": r"\b(tú|ti|contigo|tus|tienes|puedes|haz)\b",
        "ja": r"(?:あなた|してね|だよ)",
    }[code]
    assert [said for said in catalogue(code).values() if re.search(familiar, said, re.IGNORECASE)] == []


def test_settings_links_and_pages_name_the_same_languages() -> None:
    """Who may ask for a language gets it."""
    assert set(OF_LINKS) == set(OF_SETTINGS) == set(LANGUAGES)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_anything_by_itself(path: Path) -> None:
    """Every word that a person reads comes out of a catalogue: between tags of a template there are none."""
    source = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text("utf-8"), flags=re.DOTALL)
    shown = re.sub(r"<[^>]*>|^ class=.*$", " ", source, flags=re.MULTILINE)
    assert re.findall(r"[^\W\d_]{2,}", shown) == []
    assert not re.search(r'(?:aria-label|alt|title|placeholder)="[^"{]*[a-z]', source)
    tree = jinja2.Environment(autoescape=True).parse(path.read_text("utf-8"))
    shown_by_code = [node for output in tree.find_all(nodes.Output) for node in output.nodes]
    for node in shown_by_code:
        branches = [node.expr1, node.expr2] if isinstance(node, nodes.CondExpr) else [node]
        words = {each.value for each in branches if isinstance(each, nodes.Const) and isinstance(each.value, str)}
        assert words <= CLASSES


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("it, fr-CA;q=0.7, es;q=0.9", "es"),
        ("it", "en"),
        ("*", "en"),
        ("ja;q=0, *;q=0.1", "en"),
        ("FR", "fr"),
        ("en;q=0.5, ja;q=0.5", "en"),
        ("de;q=x, es;q=0.1", "es"),
        ("de;q=7, es;q=0.1", "es"),
        ("de;q=nan, es;q=0.1", "es"),
        ("de;level=1", "de"),
        (",;,;;q=,", "en"),
        ("x" * 50_000, "en"),
    ],
)
def test_the_browser_chooses_by_weight(header: str, chosen: str) -> None:
    """RFC 9110 12.5.4: the highest weight wins, what cannot be read weighs nothing, what we lack is passed over."""
    assert preferred(header, "en") == chosen


@given(st.text(max_size=200))
def test_no_header_breaks_the_choice(header: str) -> None:
    """Whatever a header holds, the answer is a language that there is."""
    assert preferred(header, "ja") in LANGUAGES


@pytest.mark.parametrize(
    ("code", "one", "none"), [("en", "1 account is", "0 accounts are"), ("fr", "1 compte est", "0 compte est")]
)
def test_numbers_take_the_form_of_their_language(code: str, one: str, none: str) -> None:
    """CLDR: 0 is singular in French, plural in English; Japanese has one form."""
    said = [str(Words(code).of(counted(n, "{count} account is shared", "{count} accounts are shared"))) for n in (1, 0)]
    assert said[0].startswith(one)
    assert said[1].startswith(none)
    assert str(Words("ja").of(counted(1, "{count} account is shared", "{count} accounts are shared"))).startswith(
        "1 件"
    )


@given(value=st.text(max_size=40))
def test_what_stands_in_a_place_is_text(value: str) -> None:
    """V-39: neither markup nor a place of its own comes out of a name, in any language."""
    for code in LANGUAGES:
        said = Words(code).of(text("{client} is connected", client=value))
        assert isinstance(said, Markup)
        assert said == str(Words(code)("{client} is connected", client="CLIENT")).replace("CLIENT", str(escape(value)))


def test_words_from_elsewhere_are_translated_only_where_they_are_known() -> None:
    """An error's sentence is shown as it came in English, and by a general one where a language lacks it."""
    unknown = Said("The callback's <b>code</b> is {odd}.", Text("Start again."))
    assert Words("en").of(unknown) == escape(unknown.words)
    assert Words("de").of(unknown) == "Beginnen Sie neu."
    assert (
        Words("de").of(Said("Start again in this browser, with cookies allowed.", Text("Try again"))).startswith("Beg")
    )
    assert Words("de").of("Somebody's <own> {words}") == "Somebody&#39;s &lt;own&gt; {words}"


def test_lists_are_joined_as_their_language_joins_them() -> None:
    """CLDR list patterns, as far as we need them."""
    assert Words("en").of(Either(("a", "b", "c"))) == "a, b or c" == str(Either(("a", "b", "c")))
    assert Words("de").both(["a", "<b>"]) == "a und &lt;b&gt;"
    assert Words("ja").of(Either(("a",))) == "a"
