"""Sealing: what is sealed opens in its own place with its own key, and nowhere else."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import multiprocessing
import os
import pickle
import traceback
from collections.abc import Callable
from typing import Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper import seal
from grantkeeper.errors import Misconfigured, SealBroken
from grantkeeper.model import SealContext, Sealed, Sealer
from grantkeeper.seal import KeyRing, new_key

OLD, MIDDLE, NEW = (base64.b64decode(new_key()) for _ in range(3))
PLACE: Final = SealContext(installation="vault", table="grant", row="g1", column="tokens", generation=1)
PLAINTEXT: Final = b"1//0g-the-refresh-token-of-this-test"

contexts = st.builds(
    SealContext,
    installation=st.text(max_size=8),
    table=st.text(max_size=8),
    row=st.text(max_size=8),
    column=st.text(max_size=8),
    generation=st.integers(min_value=0, max_value=seal.GENERATION_LIMIT - 1),
)


@pytest.fixture
def ring() -> KeyRing:
    """A ring of two keys."""
    return KeyRing([OLD, NEW])


@given(plaintext=st.binary(max_size=4096), context=contexts)
def test_what_is_sealed_opens_in_the_same_place(plaintext: bytes, context: SealContext) -> None:
    """V-01: any bytes, any names, come back as they were."""
    ring: Sealer = KeyRing([OLD, NEW])
    assert ring.open(ring.seal(plaintext, context), context) == plaintext


@given(one=contexts, other=contexts)
def test_places_are_never_confused(one: SealContext, other: SealContext) -> None:
    """V-02: names that run together when written one after the other are still two places."""
    ring = KeyRing([NEW])
    sealed = ring.seal(PLAINTEXT, one)
    if one == other:
        assert ring.open(sealed, other) == PLAINTEXT
    else:
        with pytest.raises(SealBroken):
            ring.open(sealed, other)


def test_names_that_run_together_are_told_apart(ring: KeyRing) -> None:
    """V-02: however a run of characters is cut into names, each cut is a place of its own."""
    cuts = itertools.combinations_with_replacement(range(4), 3)
    places = [
        SealContext(installation="111"[:a], table="111"[a:b], row="111"[b:c], column="111"[c:], generation=1)
        for a, b, c in cuts
    ]
    assert len(set(places)) == 20
    for here, there in itertools.permutations(places, 2):
        with pytest.raises(SealBroken):
            ring.open(ring.seal(PLAINTEXT, here), there)


def test_all_pairs_of_swaps_are_detected(ring: KeyRing) -> None:
    """V-02: rows, columns, tables, installations: every ciphertext put in every other's place is refused."""
    members = {
        "installation": ("vault", "clone"),
        "table": ("grant", "flow"),
        "row": ("g1", "g2"),
        "column": ("a", "r"),
    }
    places = [
        SealContext(generation=1, **dict(zip(members, names, strict=True)))
        for names in itertools.product(*members.values())
    ]
    sealed = {place: ring.seal(PLAINTEXT, place) for place in places}
    assert len(places) == 16
    for here, there in itertools.permutations(places, 2):
        with pytest.raises(SealBroken):
            ring.open(sealed[here], there)


@pytest.mark.parametrize("generation", [0, 2, 2**31])
def test_an_earlier_generation_does_not_open(ring: KeyRing, generation: int) -> None:
    """V-04: an old ciphertext of the same row, put back, is refused, also under the same data key."""
    old = ring.seal(PLAINTEXT, dataclasses.replace(PLACE, generation=generation))
    new = ring.seal(PLAINTEXT, PLACE, key=old.key)
    assert ring.open(new, PLACE) == PLAINTEXT
    with pytest.raises(SealBroken):
        ring.open(old, PLACE)


def test_the_wrapped_key_is_bound_to_its_row(ring: KeyRing) -> None:
    """V-02: another row's data key is refused when sealing, opening and re-wrapping."""
    other = dataclasses.replace(PLACE, row="g2")
    sealed = ring.seal(PLAINTEXT, PLACE)
    for misuse in (
        lambda: ring.seal(b"x", other, key=sealed.key),
        lambda: ring.open(sealed, other),
        lambda: ring.rewrap(sealed.key, other),
    ):
        with pytest.raises(SealBroken):
            misuse()


def test_every_changed_bit_is_detected(ring: KeyRing) -> None:
    """V-01: no bit of the wrapped key or of the data can be changed, cut off or added."""
    sealed = ring.seal(PLAINTEXT, PLACE)
    for part in ("key", "data"):
        whole: bytes = getattr(sealed, part)
        altered = [
            whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1 :] for i in range(len(whole)) for bit in (0, 7)
        ]
        for value in (*altered, whole[:-1], whole + b"\0", whole[1:], b""):
            with pytest.raises(SealBroken):
                ring.open(dataclasses.replace(sealed, **{part: value}), PLACE)


@pytest.mark.parametrize("part", ["key", "data"])
@pytest.mark.parametrize("value", [b"", b'{"refresh_token": "1//0g"}' * 3, b"\0" * 80, b"\2" * 80])
def test_plaintext_and_other_versions_are_refused(ring: KeyRing, part: str, value: bytes) -> None:
    """V-03: who can write the database cannot make us read plaintext or another version's bytes."""
    sealed = dataclasses.replace(ring.seal(PLAINTEXT, PLACE), **{part: value})
    with pytest.raises(SealBroken, match="did not"):
        ring.open(sealed, PLACE)


def test_an_older_version_byte_is_refused(ring: KeyRing) -> None:
    """V-03: the same ciphertext under another version byte does not open."""
    sealed = ring.seal(PLAINTEXT, PLACE)
    for part, version in itertools.product(("key", "data"), (0, 2, 255)):
        with pytest.raises(SealBroken, match="did not"):
            ring.open(dataclasses.replace(sealed, **{part: bytes([version]) + getattr(sealed, part)[1:]}), PLACE)


def test_a_bare_aead_of_the_same_key_is_not_taken(ring: KeyRing) -> None:
    """V-03: a ciphertext without our associated data is refused even when the key is right."""
    sealed, nonce = ring.seal(PLAINTEXT, PLACE), os.urandom(12)
    forged = b"\1" + nonce + AESGCM(NEW).encrypt(nonce, b"forged", None)
    with pytest.raises(SealBroken):
        ring.open(dataclasses.replace(sealed, data=forged), PLACE)


def test_nonces_and_data_keys_do_not_repeat(ring: KeyRing) -> None:
    """V-05: each sealing has its own nonces, each row its own data key."""
    own = [ring.seal(PLAINTEXT, PLACE) for _ in range(10_000)]
    same = [ring.seal(PLAINTEXT, PLACE, key=own[0].key) for _ in range(10_000)]
    assert {sealed.key for sealed in same} == {own[0].key}
    assert len({sealed.key[9:21] for sealed in own}) == len(own)
    assert len({sealed.data[1:13] for sealed in (*own, *same)}) == len(own) + len(same)


def test_a_data_key_meets_a_bounded_number_of_nonces(ring: KeyRing) -> None:
    """V-05: after 2^32 generations (SP 800-38D 8.3) sealing stops instead of wearing the key out."""
    last = dataclasses.replace(PLACE, generation=2**32 - 1)
    assert ring.open(ring.seal(PLAINTEXT, last), last) == PLAINTEXT
    for generation in (2**32, -1):
        with pytest.raises(SealBroken, match="generation"):
            ring.seal(PLAINTEXT, dataclasses.replace(PLACE, generation=generation))


def _nonces(count: int) -> list[bytes]:
    ring = KeyRing([NEW])
    return [ring.seal(PLAINTEXT, PLACE).data[1:13] for _ in range(count)]


def test_forked_processes_do_not_share_nonces() -> None:
    """V-05: four children of one process, forked in the same state, never choose the same nonce."""
    with multiprocessing.get_context("fork").Pool(4) as pool:
        found = pool.map(_nonces, [500] * 4, chunksize=1)
    assert len(set(itertools.chain(*found))) == 2000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "There is no encryption key"),
        ("\n  \n# only a comment\n", "There is no encryption key"),
        (base64.b64encode(bytes(range(16))).decode(), "has 16 bytes instead of 32"),
        (base64.b64encode(bytes(range(33))).decode(), "has 33 bytes instead of 32"),
        (bytes(range(32)).hex(), "has 48 bytes instead of 32"),
        (base64.b64encode(bytes(32)).decode(), "pattern"),
        (base64.b64encode(b"\xaa" * 32).decode(), "pattern"),
        (base64.b64encode(b"\x01\xfe" * 16).decode(), "pattern"),
        (base64.b64encode(bytes(range(32))).decode(), "pattern"),
        (base64.b64encode(bytes(range(250, 218, -1))).decode(), "pattern"),
        (base64.b64encode(b"Replace-me-by-your-own-KEY-1234!").decode(), "words"),
        (base64.b64encode(b"0123456789abcdefghijklmnopqrstuv").decode(), "words"),
        ("changeme", "has 6 bytes instead of 32"),
        ("your-key-here", "not base64"),
        ("!!! not base64 !!!", "not base64"),
        ("AAAA=AAA", "not base64"),
        ("schlüssel", "not base64"),
        ("<base64 key>", "not base64"),
    ],
)
def test_a_poor_key_is_refused(text: str, says: str) -> None:
    """V-06: unset, empty, short, all-zero, repeated, made up, junk: no start, and the message says how to get one."""
    with pytest.raises(Misconfigured) as refused:
        KeyRing.parse(text)
    assert says in str(refused.value)
    assert "grantkeeper init" in refused.value.advice
    assert len(text) < 6 or text not in str(refused.value)


def test_the_poor_key_of_several_is_named() -> None:
    """V-06: one bad key spoils the ring; the message counts from the oldest."""
    with pytest.raises(Misconfigured, match="Key 2 of the key ring is a pattern"):
        KeyRing([OLD, bytes(32), NEW])
    with pytest.raises(Misconfigured, match="Key 3 of the key ring is there twice"):
        KeyRing([OLD, NEW, OLD])
    with pytest.raises(Misconfigured, match="no encryption key"):
        KeyRing([])


@given(st.binary(min_size=32, max_size=32))
def test_a_key_made_here_is_never_poor(noise: bytes) -> None:
    """V-06: what `new_key` makes is taken; what the checks let through works."""
    assert len(KeyRing.parse(new_key()).ids) == 1
    try:
        ring = KeyRing([noise])
    except Misconfigured:
        return
    assert ring.open(ring.seal(PLAINTEXT, PLACE), PLACE) == PLAINTEXT


def test_a_key_file_may_hold_comments_blank_lines_and_either_base64() -> None:
    """A ring is read line by line, oldest to newest."""
    url_safe = base64.urlsafe_b64encode(MIDDLE).decode()
    text = f"# mine\n\n  {base64.b64encode(OLD).decode()}  # of 2025\r\n{url_safe}\n{base64.b64encode(NEW).decode()}"
    assert KeyRing.parse(text).ids == KeyRing([OLD, MIDDLE, NEW]).ids


def test_every_key_of_the_ring_opens_and_the_newest_seals() -> None:
    """V-07: after a key was added, what older keys sealed opens; new rows are sealed by the newest."""
    sealed = {key: KeyRing([key]).seal(PLAINTEXT, PLACE) for key in (OLD, MIDDLE, NEW)}
    ring = KeyRing([OLD, MIDDLE, NEW])
    assert [ring.open(each, PLACE) for each in sealed.values()] == [PLAINTEXT] * 3
    assert KeyRing([NEW]).open(ring.seal(PLAINTEXT, PLACE), PLACE) == PLAINTEXT


def test_a_missing_key_is_named(ring: KeyRing) -> None:
    """V-08: a ring that lacks the key says which one it lacks and which it has; ids are not the keys."""
    sealed = ring.seal(PLAINTEXT, PLACE)
    (missing,), (present,) = KeyRing([NEW]).ids, KeyRing([OLD]).ids
    with pytest.raises(SealBroken) as refused:
        KeyRing([OLD]).open(sealed, PLACE)
    assert missing in str(refused.value)
    assert present in str(refused.value)
    assert "Add that key" in refused.value.advice
    assert not {NEW.hex()[:16], OLD.hex()[:16]} & set(ring.ids)


def test_rewrapping_moves_a_row_to_the_newest_key() -> None:
    """V-07: only the wrapped key changes; the data stay, the old key is no longer needed; twice changes nothing."""
    sealed = KeyRing([OLD]).seal(PLAINTEXT, PLACE)
    ring = KeyRing([OLD, NEW])
    rewrapped = ring.rewrap(sealed.key, PLACE)
    assert rewrapped is not None
    assert KeyRing([NEW]).open(Sealed(key=rewrapped, data=sealed.data), PLACE) == PLAINTEXT
    assert ring.rewrap(rewrapped, PLACE) is None


@pytest.mark.parametrize("keys", [[OLD], [OLD, NEW]], ids=["newest already", "to a newer key"])
def test_rewrapping_an_altered_key_is_refused(keys: list[bytes]) -> None:
    """V-07: a rotation does not carry damage on, nor call it done."""
    sealed = KeyRing([OLD]).seal(PLAINTEXT, PLACE)
    with pytest.raises(SealBroken):
        KeyRing(keys).rewrap(sealed.key[:-1] + bytes([sealed.key[-1] ^ 1]), PLACE)


def _bad_ring() -> None:
    KeyRing([b"\xa5" * 31 + b"\x5a"])


def _bad_text() -> None:
    KeyRing.parse("cGxhbnRlZC1zZWNyZXQtcGxhbnRlZC1zZWNyZXQ=")


def _bad_line() -> None:
    KeyRing.parse("planted-secret-that-is-not-base64!")


def _bad_open() -> None:
    ring = KeyRing([OLD, NEW])
    ring.open(ring.seal(b"planted-secret", PLACE), dataclasses.replace(PLACE, column="other"))


def _bad_seal() -> None:
    ring = KeyRing([OLD, NEW])
    ring.seal(b"planted-secret", PLACE, key=ring.seal(b"", dataclasses.replace(PLACE, row="other")).key)


@pytest.mark.parametrize("misuse", [_bad_ring, _bad_text, _bad_line, _bad_open, _bad_seal])
def test_no_traceback_shows_keys_or_plaintext(misuse: Callable[[], None]) -> None:
    """V-22: a traceback that prints local variables shows neither, in any of our frames."""
    try:
        misuse()
    except (Misconfigured, SealBroken) as error:
        frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        shown = "".join(str(frame.locals) for frame in frames if frame.filename == seal.__file__)
        assert shown
        for secret in (OLD, NEW, b"planted-secret", b"\xa5" * 31, b"cGxhbnRlZC1zZWNyZXQ", b"planted-secret-that"):
            assert repr(secret)[2:-1] not in shown
    else:
        pytest.fail("nothing was refused")


def test_a_ring_shows_ids_only(ring: KeyRing) -> None:
    """V-21: repr, str and format show what may be shown; pickling refuses."""
    for shown in (repr(ring), str(ring), f"{ring}"):
        assert shown == f"KeyRing(ids={ring.ids})"
    with pytest.raises(TypeError):
        pickle.dumps(ring)


def test_format_and_sizes_are_as_documented(ring: KeyRing) -> None:
    """The bytes that are stored for years: a change of layout needs a new version byte."""
    sealed = ring.seal(PLAINTEXT, PLACE)
    assert sealed.key[0] == sealed.data[0] == 1
    assert sealed.key[1:9].hex() == ring.ids[-1]
    assert len(sealed.key) == 1 + 8 + 12 + 32 + 16
    assert len(sealed.data) == 1 + 12 + len(PLAINTEXT) + 16


def test_a_row_sealed_by_the_first_release_opens() -> None:
    """The stored format is kept: these bytes were sealed once and for all (bytes of a key that guards nothing else)."""
    ring = KeyRing.parse(FIRST_RELEASE_KEY)
    sealed = Sealed(key=bytes.fromhex(FIRST_RELEASE_WRAPPED), data=bytes.fromhex(FIRST_RELEASE_DATA))
    assert ring.open(sealed, PLACE) == b"sealed by the first release"


FIRST_RELEASE_KEY: Final = "AEWGPqtXMpg9P7WTS+u2ckB3RaSbgmU89kyleAIv0DI="
FIRST_RELEASE_WRAPPED: Final = (
    "017ab2d8c88273698d6b63dd9c4501403f4140ef67893ccb924b73bf03a6ab9df2f6178e3f678269"
    "806a1085fe3f0ebc5cfeacab0190506bf8ce5df5e133c4adde188783cd"
)
FIRST_RELEASE_DATA: Final = (
    "0157995747468cf5ef90b2588ede05b94934cd157ad97b94a1629cb6aae9cac34f4aa7681c21f8c0998207fbc58d913afa5ed8d199b7f69f"
)
