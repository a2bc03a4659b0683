"""Whatever a pod sends as gzip, it is read whole or refused, and never inflates beyond the limit."""

import gzip
import zlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scalewarden.sources.page import _decoder, _Refused

LIMIT = 4096
bodies = st.one_of(st.binary(max_size=300), st.integers(0, 3 * LIMIT).map(lambda size: b"a 1\n" * (size // 4)))


def read(sent: bytes, cuts: list[int]) -> bytes | None:
    """What comes of bytes that arrive in pieces; None where they are refused."""
    decode, complete = _decoder("gzip")
    body = b""
    try:
        for start, end in pairwise([0, *sorted(cut % (len(sent) + 1) for cut in cuts), len(sent)]):
            piece = decode(sent[start:end], LIMIT + 1 - len(body))
            assert len(piece) <= LIMIT + 1 - len(body)
            body += piece
            if len(body) > LIMIT:
                return None
    except _Refused:
        return None
    return body if complete() else None


@given(st.lists(bodies, min_size=1, max_size=3), st.lists(st.integers(0, 10**6), max_size=5))
def test_any_body_arrives_whole_in_any_pieces_and_members(members: list[bytes], cuts: list[int]):
    whole = b"".join(members)
    arrived = read(b"".join(map(gzip.compress, members)), cuts)
    assert arrived == (whole if len(whole) <= LIMIT else None)


@given(bodies, st.integers(1, 10**6), st.lists(st.integers(0, 10**6), max_size=5))
def test_a_body_that_was_cut_off_is_refused(body: bytes, cut: int, cuts: list[int]):
    sent = gzip.compress(body)
    assert read(sent[: len(sent) - 1 - cut % (len(sent) - 1)], cuts) is None


@given(bodies, st.integers(0, 10**6), st.integers(1, 255), st.lists(st.integers(0, 10**6), max_size=5))
def test_a_damaged_body_is_refused_or_says_the_same(body: bytes, place: int, change: int, cuts: list[int]):
    sent = bytearray(gzip.compress(body))
    sent[place % len(sent)] ^= change
    assert read(bytes(sent), cuts) in (None, body)


@given(st.binary(max_size=200), st.lists(st.integers(0, 10**6), max_size=3))
def test_bytes_that_are_no_gzip_are_refused(sent: bytes, cuts: list[int]):
    arrived = read(sent, cuts)
    assert arrived is None or arrived == zlib.decompress(sent, wbits=31)


def test_a_bomb_inflates_to_the_limit_and_no_further():
    squeeze = zlib.compressobj(wbits=31)
    bomb = squeeze.compress(bytes(64 * 2**20)) + squeeze.flush()
    decode, _ = _decoder("gzip")
    assert len(bomb) < 2**17
    assert len(decode(bomb, LIMIT + 1)) == LIMIT + 1
