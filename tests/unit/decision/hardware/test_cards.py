"""The list of cards: every figure has a source, and a name is found however it is spelled."""

import datetime
import re

import pytest

from insource.foundation.errors import UserError
from insource.training.planning.cards import FILE, card_named, known_cards

CARDS = list(known_cards().cards.values())


def test_the_file_is_dated():
    assert isinstance(known_cards().date, datetime.date)
    assert FILE.name == "cards.toml"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.key)
def test_every_figure_has_a_source_and_a_price_its_own(card):
    assert card.specification
    assert bool(card.buy_usd) == bool(card.buy_source)
    assert bool(card.rent_usd) == bool(card.rent_source)
    assert card.buy_usd or card.rent_usd
    for source in filter(None, (card.specification, card.buy_source, card.rent_source)):
        assert "check" in source or re.search(r"\w+\.\w+/\S+, \w+ 20\d\d", source), source


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.key)
def test_a_card_multiplies_as_its_memory_and_types_say(card):
    machine = card.machine()
    assert machine.device == "cuda"
    assert machine.bfloat16 == (card.bfloat16_tflops > 0)
    assert ("bfloat16" in machine.stated_operations_per_s) == machine.bfloat16
    assert machine.free_bytes < machine.memory_bytes == card.memory_mib * 2**20
    if gigabytes := re.search(r"(\d+) ?GB", card.name):
        assert card.memory_mib / 1024 == pytest.approx(int(gigabytes[1]), rel=0.05)


def test_cards_are_in_the_order_of_their_memory():
    assert [card.memory_mib for card in CARDS] == sorted(card.memory_mib for card in CARDS)


@pytest.mark.parametrize(
    ("spelled", "key"),
    [
        ("rtx-4090", "rtx-4090"),
        ("RTX 4090", "rtx-4090"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("h100-80gb", "h100-80gb"),
        ("NVIDIA H200", "h200"),
        ("rtx4060ti16gb", "rtx-4060-ti-16gb"),
        ("h100", "h100-80gb"),
        ("rtx-4060", "rtx-4060-ti-16gb"),
    ],
)
def test_a_card_is_found_however_it_is_spelled(spelled, key):
    assert card_named(spelled).key == key


@pytest.mark.parametrize(
    ("spelled", "close"),
    [
        ("rtx-4091", "`rtx-4090`"),
        ("a100", "`a100-40gb` or `a100-80gb`"),
        ("zzz", "--card auto"),
        ("", "auto"),
    ],
)
def test_an_unknown_card_is_refused_with_those_that_there_are(spelled, close):
    with pytest.raises(UserError) as caught:
        card_named(spelled)
    assert caught.value.code == "card-unknown"
    assert close in caught.value.hint
    assert "rtx-4090" in caught.value.details[0]
