"""The server's secret key: what it seals, and what it opens."""

from __future__ import annotations

import pytest

from forebay.lanes.secret import PREFIX, Seal, SealBroken, TextCipher

CIPHER = TextCipher(b"one secret")
OTHER = TextCipher(b"another secret")


def test_a_seal_opens_what_it_closed() -> None:
    seal = Seal(b"one secret")
    assert seal.open(seal.close("token")) == "token"


def test_a_seal_of_another_secret_is_broken() -> None:
    with pytest.raises(SealBroken):
        Seal(b"another secret").open(Seal(b"one secret").close("token"))


@pytest.mark.parametrize("text", ["", "let me think", "über 👍", "x" * 100_000])
def test_a_sealed_text_is_unsealed(text: str) -> None:
    assert CIPHER.unseal(CIPHER.seal(text)) == text


def test_a_sealed_text_hides_what_it_holds_and_fits_a_header() -> None:
    sealed = CIPHER.seal("let me think")
    assert "think" not in sealed
    assert sealed.startswith(PREFIX)
    assert sealed.isascii() and sealed.isprintable() and " " not in sealed


def test_a_text_is_always_sealed_alike_and_by_each_secret_differently() -> None:
    assert CIPHER.seal("a") == TextCipher(b"one secret").seal("a")
    assert len({CIPHER.seal("a"), CIPHER.seal("b"), OTHER.seal("a")}) == 3


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "forebay",
        PREFIX,
        f"{PREFIX}====",
        f"{PREFIX}AAAA",
        f"{PREFIX}ü",
        OTHER.seal("a"),
        CIPHER.seal("a").removeprefix(PREFIX),
        CIPHER.seal("a").replace(PREFIX, f"{PREFIX}!"),
        f"{CIPHER.seal('a')}A",
        f"{CIPHER.seal('a')[:-8]}AAAAAA==",
    ],
)
def test_what_was_not_sealed_here_is_not_unsealed(foreign: str) -> None:
    assert CIPHER.unseal(foreign) is None


def test_each_project_opens_its_own_seals_and_no_others() -> None:
    mine, theirs = CIPHER.within("proj_mine"), CIPHER.within("proj_theirs")
    assert mine.unseal(mine.seal("a")) == "a"
    for sealed, other in (
        (mine.seal("a"), theirs),
        (mine.seal("a"), CIPHER),
        (CIPHER.seal("a"), mine),
        (OTHER.within("proj_mine").seal("a"), mine),
        (mine.seal("a"), mine.within("proj_theirs")),
    ):
        assert other.unseal(sealed) is None


def test_a_text_is_always_sealed_alike_within_a_project() -> None:
    again = TextCipher(b"one secret").within("proj_mine")
    assert CIPHER.within("proj_mine").seal("a") == again.seal("a")
    assert CIPHER.within("proj_theirs").seal("a") != again.seal("a")
