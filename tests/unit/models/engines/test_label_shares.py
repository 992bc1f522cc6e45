"""Probabilities over labels, from made-up ones of their tokens."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.foundation.rng import generator
from insource.models.engines import label_shares as module
from insource.models.engines.label_shares import label_shares, weights_of
from insource.types import Completion, TokenLogprob

STOP = 0


def brute_force(ways, weigh):
    found = {}
    for name, way in ways.items():
        found[name] = 1.0
        for place, token in enumerate(way):
            after = sorted({one[place] for one in ways.values() if one[:place] == way[:place]})
            weights = weigh(way[:place], after)
            found[name] *= weights[token] / sum(weights.values())
    return found


def weighed(seed):
    """Weights that depend on the place alone, so that every question has one answer."""

    def weigh(way, after):
        return {token: float(generator(seed, f"weights {way} {token}").uniform(0.001, 1)) for token in after}

    return weigh


@given(
    st.sets(st.lists(st.integers(1, 3), max_size=4).map(tuple), min_size=1, max_size=12),
    st.integers(0, 2**16),
)
def test_every_label_has_its_share_and_all_together_have_one(words, seed):
    ways = {str(word): (*word, STOP) for word in words}
    shares = label_shares(ways, weighed(seed)).shares
    wanted = brute_force(ways, weighed(seed))
    assert sum(shares.values()) > 1 - module.UNSAID - 1e-9
    assert shares == pytest.approx({name: wanted[name] for name in shares})
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    left_out = [wanted[name] for name in wanted.keys() - shares.keys()]
    assert max(left_out, default=0) <= min(shares.values()) + 1e-9


def test_a_branch_costs_one_request_and_a_single_way_none():
    ways = {"ab": (1, 2, STOP), "ac": (1, 3, STOP), "d": (4, 5, 6, STOP)}
    asked = []

    def weigh(way, after):
        asked.append(way)
        return dict.fromkeys(after, 0.1)

    found = label_shares(ways, weigh)
    assert found.shares == pytest.approx({"d": 0.5, "ab": 0.25, "ac": 0.25})
    assert asked == [(), (1,)]
    assert found.requests == 2


def test_what_the_answer_says_is_not_asked_again():
    answer = Completion(
        text="d",
        tokens=(TokenLogprob(id=4, bytes=b"d", logprob=-0.1, top=((4, math.log(0.9)), (1, math.log(0.1)))),),
    )
    ways = {"a": (1, STOP), "d": (4, STOP)}
    found = label_shares(ways, lambda way, after: pytest.fail("asked"), weights_of(answer))
    assert found.shares == pytest.approx({"d": 0.9, "a": 0.1})
    part = answer.model_copy(update={"text": "dé"})  # the engine listed no token of the character
    assert weights_of(part) == {}


def test_the_number_of_requests_is_bounded():
    ways = {f"{pair}": (*pair, STOP) for pair in itertools.product(range(1, 60), repeat=2)}
    found = label_shares(ways, lambda way, after: dict.fromkeys(after, 1.0))
    assert found.requests == module.MOST_REQUESTS
    assert sum(found.shares.values()) < 1


def test_a_label_without_an_end_of_its_own_is_refused():
    with pytest.raises(ValueError, match="end of its own"):
        label_shares({"a": (1,), "ab": (1, 2)}, weighed(1))
