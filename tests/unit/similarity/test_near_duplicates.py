"""Near-duplicates against brute force: what is planted is found, what is clean is left alone."""

from itertools import combinations

import numpy as np
import pytest
from support.near_copies import documents, near_copy, similarity

from insource.similarity.minhash import CROWD, bands_for
from insource.similarity.near_duplicates import Pair, find_near_duplicates, near_duplicate_groups, nearest
from insource.similarity.shingles import distinct, jaccard, prepared, shingles


def pairs(found):
    columns = found.first.tolist(), found.second.tolist(), found.similarity.tolist()
    return {(a, b): s for a, b, s in zip(*columns, strict=True)}


def planted(count, least, seed=0):
    generator = np.random.default_rng(seed)
    clean = list(documents(count, generator))
    return clean, [near_copy(text, least, generator) for text in clean]


@pytest.fixture(scope="module")
def family():
    """Different texts: originals, near copies of many degrees, and texts of their own."""
    generator = np.random.default_rng(7)
    base = list(documents(200, generator, words=12))
    copies = [near_copy(text, least, generator) for text in base[:50] for least in (0.95, 0.85, 0.75, 0.6)]
    return list(dict.fromkeys(base + copies))


def test_similarity_is_jaccards_by_definition(family):
    texts = family[:60] + family[200:240]
    first, second = np.array(list(combinations(range(len(texts)), 2))).T
    found = jaccard(distinct(shingles([prepared(text) for text in texts])), first, second)
    wanted = [similarity(texts[a], texts[b]) for a, b in zip(first, second, strict=True)]
    assert found == pytest.approx(wanted, abs=1e-12)


def test_pairs_are_those_of_brute_force(family):
    wanted = {
        (a, b): similarity(family[a], family[b])
        for a, b in combinations(range(len(family)), 2)
        if similarity(family[a], family[b]) >= 0.8
    }
    found = pairs(find_near_duplicates(family))
    assert set(found) <= set(wanted)
    assert len(found) >= 0.98 * len(wanted) > 100
    assert all(found[pair] == pytest.approx(wanted[pair]) for pair in found)


def test_what_is_planted_at_the_threshold_is_found_and_clean_texts_are_not_touched():
    clean, copies = planted(1000, 0.8)
    found = pairs(find_near_duplicates([*clean, *copies]))
    hit = sum((at, at + 1000) in found for at in range(1000))
    assert hit >= 0.95 * 1000
    assert len(find_near_duplicates(clean).repeats()) <= 0.01 * 1000


def test_the_order_of_the_texts_does_not_matter(family):
    order = np.random.default_rng(3).permutation(len(family))
    straight = {frozenset((family[a], family[b])) for a, b in pairs(find_near_duplicates(family))}
    shuffled = [family[at] for at in order]
    assert {
        frozenset((shuffled[a], shuffled[b])) for a, b in pairs(find_near_duplicates(shuffled))
    } == straight
    groups, moved = near_duplicate_groups(family), near_duplicate_groups(shuffled)
    together = {(a, b) for a, b in combinations(range(len(family)), 2) if groups[a] == groups[b]}
    back = {
        tuple(sorted((order[a], order[b])))
        for a, b in combinations(range(len(order)), 2)
        if moved[a] == moved[b]
    }
    assert back == together


def test_the_same_seed_gives_the_same_pairs(family):
    assert pairs(find_near_duplicates(family, seed=5)) == pairs(find_near_duplicates(family, seed=5))


@pytest.mark.parametrize("lengths", [None, True])
def test_what_stays_has_no_repeats_and_what_goes_has_its_like(family, lengths):
    texts = [*family, *family[:20]]
    sizes = np.array([len(text) for text in texts]) if lengths else None
    gone = find_near_duplicates(texts).repeats(sizes)
    assert len(gone) > 100
    for place, pair in gone.items():
        (other,) = {pair.first, pair.second} - {place}
        assert other not in gone
        assert similarity(texts[place], texts[other]) >= 0.8
    stay = [text for at, text in enumerate(texts) if at not in gone]
    assert find_near_duplicates(stay).repeats() == {}


def test_a_crowd_is_not_compared_pair_by_pair_and_still_comes_down_to_what_differs():
    generator = np.random.default_rng(1)
    (text,) = documents(1, generator, words=200)
    crowd = [near_copy(text, 0.97, generator) for _ in range(8 * CROWD)]
    found = find_near_duplicates(crowd)
    assert found.crowded > CROWD
    assert len(found) < len(crowd) ** 2 / 8
    assert len(set(found.groups())) == 1
    gone = found.repeats()
    stay = [text for at, text in enumerate(crowd) if at not in gone]
    assert len(stay) < 20
    assert find_near_duplicates(stay).repeats() == {}


def test_in_a_crowd_every_pair_of_one_kind_is_found():
    generator = np.random.default_rng(4)
    (body,) = documents(1, generator, words=150)
    numbers = range(1000, 1000 + 4 * CROWD)
    ends = ("the sales team", "the support desk, Oslo")
    texts = [f"{body[:400]} order {number} {body[400:]} {end}" for end in ends for number in numbers]
    found = find_near_duplicates(texts, kinds=[*numbers, *numbers])
    assert found.crowded == len(texts)
    twins = {(at, at + len(numbers)) for at in range(len(numbers))}
    assert twins <= set(pairs(found))
    assert len(found) < len(texts) ** 2 / 8


def test_a_higher_threshold_needs_no_new_search(family):
    found = find_near_duplicates(family)
    higher = found.at(0.9)
    assert pairs(higher) == {pair: s for pair, s in pairs(found).items() if s >= 0.9}
    assert higher.threshold == 0.9
    with pytest.raises(ValueError, match="were not looked for"):
        higher.at(0.8)


def test_the_borderline_is_the_least_similar_first(family):
    found = find_near_duplicates(family)
    shown = [pair.similarity for pair in found.least_similar(5)]
    assert shown == sorted(found.similarity.tolist())[:5]


def test_equal_texts_are_one_and_pairs_name_the_first():
    (text,) = documents(1, np.random.default_rng(2))
    close = near_copy(text, 0.9, np.random.default_rng(2))
    found = find_near_duplicates([text, text.upper(), close, f"  {text}"])
    assert found.first_equal.tolist() == [0, 0, 2, 0]
    assert list(pairs(found)) == [(0, 2)]
    assert set(found.repeats()) == {1, 2, 3}
    assert found.groups().tolist() == [0, 0, 0, 0]
    longest = found.repeats(np.array([1, 1, 9, 1]))
    assert set(longest) == {0, 1, 3}
    assert longest[3] == Pair(2, 3, pytest.approx(similarity(text, close)))


def test_nearest_looks_in_the_reference_only():
    generator = np.random.default_rng(4)
    reference, other = list(documents(30, generator)), list(documents(5, generator))
    close = near_copy(reference[7], 0.9, generator)
    found = nearest([*other, close, reference[3], close, other[0]], reference)
    assert found[:5] == (None,) * 5
    assert found[5] == Pair(7, 5, pytest.approx(similarity(reference[7], close)))
    assert found[6] == Pair(3, 6, 1.0)
    assert found[7] == found[5]._replace(second=7)
    assert found[8] is None


@pytest.mark.parametrize(
    "texts", [[], [""], ["", " ", "a", "A"], ["短い", "短い文"], ["\ud800", "x" * 100_000]]
)
def test_odd_texts_are_texts(texts):
    found = find_near_duplicates(texts)
    assert found.count == len(texts)
    assert len(found) == 0


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 1.0])
def test_bands_bring_pairs_at_the_threshold_together(threshold):
    assert bands_for(threshold).chance(threshold) >= 0.98
    assert bands_for(threshold).number * bands_for(threshold).width <= 128
