"""Which number a statement's text gets, so that no pooler takes it for what it once was."""

from __future__ import annotations

from autorest.database.pipeline import GENERATION, MAX_WORDINGS, Wordings


def test_texts_have_no_number_at_first() -> None:
    assert Wordings().of(b"select 1") == 0


def test_a_text_that_was_varied_has_a_number_of_its_own() -> None:
    wordings = Wordings()
    wordings.vary(b"a", 0)
    assert (wordings.of(b"a"), wordings.of(b"b")) == (1, 0)
    wordings.vary(b"a", 1)
    assert wordings.of(b"a") == 2


def test_a_text_that_another_connection_varied_already_keeps_its_number() -> None:
    wordings = Wordings()
    wordings.vary(b"a", 0)
    wordings.vary(b"a", 0)
    assert wordings.of(b"a") == 1


def test_another_generation_has_other_numbers_whichever_process_it_is_in() -> None:
    one, other = Wordings(), Wordings()
    assert one.begin(7)
    one.vary(b"a", one.of(b"a"))
    assert one.begin(9)
    assert other.begin(9)
    assert one.of(b"a") == other.of(b"a") == 9 * GENERATION


def test_the_same_generation_changes_nothing() -> None:
    wordings = Wordings()
    wordings.begin(7)
    wordings.vary(b"a", wordings.of(b"a"))
    before = wordings.of(b"a")
    assert not wordings.begin(7)
    assert wordings.of(b"a") == before


def test_no_number_is_given_twice_when_there_are_too_many() -> None:
    wordings = Wordings()
    wordings.begin(7)
    used = {wordings.of(b"a")}
    for number in range(3 * MAX_WORDINGS):
        text = b"%d" % number
        wordings.vary(text, wordings.of(text))
        if number % MAX_WORDINGS == 0:
            wordings.vary(b"a", wordings.of(b"a"))
            assert wordings.of(b"a") not in used
            used.add(wordings.of(b"a"))
    assert len(wordings._varied) <= MAX_WORDINGS + 1
