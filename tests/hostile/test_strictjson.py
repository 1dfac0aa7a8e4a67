"""JSON from strangers."""

from __future__ import annotations

import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.strictjson import read_object, read_strict_object, repeated

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), values))
def test_every_object_is_read_as_written(written: dict[str, object]) -> None:
    """Both readers agree on what every parser agrees on (RFC 8259)."""
    text = json.dumps(written)
    found = read_object(text)

    assert read_strict_object(text.encode()) == written
    assert found is not None
    assert (found.members, found.doubled, found.odd) == (written, frozenset(), False)


@given(st.binary() | st.text())
def test_nothing_is_ever_raised(body: bytes | str) -> None:
    """V-71."""
    found = read_object(body)
    assert found is None or isinstance(found.members, dict)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"", b"[]", b'{"a":1}x', b"{'a':1}"]
)
def test_what_is_no_object_is_none(body: bytes) -> None:
    """R-34: depth 10^5 too."""
    assert read_object(body) is None
    assert read_strict_object(body) is None


def test_doubled_names_are_told_and_the_last_one_counts() -> None:
    """R-34: at the top by name, below as odd; the strict reader refuses both."""
    top = read_object('{"a":1,"b":2,"a":3}')
    assert top is not None
    assert (top.members, top.doubled, top.odd) == ({"a": 3, "b": 2}, frozenset({"a"}), True)
    below = read_object('{"a":{"b":1,"b":2}}')
    assert below is not None
    assert (below.members, below.doubled, below.odd) == ({"a": {"b": 2}}, frozenset(), True)
    for text in ('{"a":1,"a":1}', '{"a":[{"b":1,"b":2}]}'):
        assert read_strict_object(text) is None


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_told(word: str) -> None:
    """R-34: the lenient reader gives a float, the strict one refuses."""
    found = read_object(f'{{"a":{word}}}')
    assert found is not None
    assert found.odd
    value = found.members["a"]
    assert isinstance(value, float)
    assert not math.isfinite(value)
    assert read_strict_object(f'{{"a":{word}}}') is None


class Counted(str):
    """A name that counts how often it is compared with another."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_repeated_names_are_found_in_linear_time() -> None:
    """R-34: each name is compared a few times, not with every other one."""
    names = [Counted(number) for number in (*range(2000), 7)]
    Counted.comparisons = 0
    assert repeated(names) == {"7"}
    assert Counted.comparisons < 4 * len(names)


def test_an_object_of_a_hundred_thousand_names_is_read_at_once() -> None:
    """R-34: 1 MiB, the most that is read of an answer, takes a tenth of a second; by comparing all pairs, minutes."""
    names = [f"{number:05}" for number in range(95_000)]
    body = "{" + ",".join(f'"{name}":1' for name in (*names, names[0])) + "}"
    began = time.process_time()
    found = read_object(body)
    assert time.process_time() - began < 10
    assert found is not None
    assert found.doubled == {names[0]}
