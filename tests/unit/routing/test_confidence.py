import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.contract.grammar import compile_grammar
from insource.foundation.errors import DataError, IntegrityError
from insource.routing.confidence import document_confidence, field_confidences, judged, load_tokenizer
from insource.routing.tokens.replay import allows
from insource.types import Completion, JsonSchema, Labels, Reasoning, TokenLogprob

SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"type": ["string", "null"], "enum": ["receipt", "invoice", None]},
        "total": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["kind", "total"],
    "additionalProperties": False,
}
GRAMMAR = compile_grammar(JsonSchema(definition=SCHEMA)).text


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """A byte-level tokenizer with a few merged tokens: ids 0 to 255 are bytes, then the pieces."""
    from llguidance import LLTokenizer, TokenizerWrapper

    class Bytes:
        eos_token_id = 256
        bos_token_id = None
        special_token_ids = [256]
        tokens = [bytes([i]) for i in range(256)] + [b"</s>"] + PIECES

        def __call__(self, text):
            raw = text if isinstance(text, bytes) else text.encode()
            return list(raw)

    return LLTokenizer(TokenizerWrapper(Bytes()))


PIECES = [b'{"kind":', b"null", b'"re', b'"in', b"receipt", b"invoice", b',"total":', b"ceipt"]
ID = {piece: 257 + index for index, piece in enumerate(PIECES)} | {bytes([i]): i for i in range(256)}


def token(piece: bytes, p: float, others: dict[bytes, float] | None = None) -> TokenLogprob:
    top = {piece: p, **(others or {})}
    return TokenLogprob(
        id=ID[piece],
        bytes=piece,
        logprob=math.log(p),
        top=tuple((ID[text], math.log(value)) for text, value in top.items()),
    )


def answer(*tokens: TokenLogprob, finish_reason="stop") -> Completion:
    text = b"".join(t.bytes for t in tokens).decode()
    return Completion(text=text, tokens=tokens, finish_reason=finish_reason)


RECEIPT = (
    token(b'{"kind":', 0.001),  # forced: its raw probability says nothing
    token(b'"re', 0.3, {b'"in': 0.1, b"null": 0.2, b"x": 0.4}),  # x is not allowed: 0.3 / 0.6
    token(b"ceipt", 0.5, {b"x": 0.4}),  # forced
    token(b'"', 0.9),
    token(b',"total":', 0.2),
    token(b"4", 0.72, {b"5": 0.18, b'"': 0.1}),  # 0.72 / 0.9
    token(b"2", 0.6, {b"}": 0.3}),  # 0.6 / 0.9
    token(b"}", 0.9),
)


def test_known_numbers_under_a_grammar(tokenizer):
    fields = field_confidences(answer(*RECEIPT), GRAMMAR, tokenizer)
    assert fields == pytest.approx({"kind": 0.5, "total": 2 / 3})
    whole = document_confidence(answer(*RECEIPT), GRAMMAR, tokenizer)
    assert whole == pytest.approx(1 / 3)


def test_an_answer_is_judged_as_a_whole_and_by_field(tokenizer):
    found = judged(answer(*RECEIPT), GRAMMAR, tokenizer)
    assert found.field_confidences == pytest.approx({"kind": 0.5, "total": 2 / 3})
    assert found.confidence == pytest.approx(1 / 3)
    stated = answer(*RECEIPT).model_copy(update={"confidence": 0.9})
    assert judged(stated, GRAMMAR, tokenizer) == stated


def test_doubt_within_reasoning_is_no_doubt_in_the_answer(tokenizer):
    output = JsonSchema(
        definition=SCHEMA, reasoning=Reasoning(name="why", definition={"type": "string"}, required=True)
    )
    reasoning = [token(bytes([byte]), 0.9) for byte in b'{"why":"']
    reasoning += [token(b"a", 0.3, {b"b": 0.3}), token(b'"', 0.2, {b"b": 0.7}), token(b",", 0.1)]
    name = [token(bytes([byte]), 0.9) for byte in b'"kind":']
    said = answer(*reasoning, *name, *RECEIPT[1:])
    grammar = compile_grammar(output).text
    for held in (grammar, None):
        doubtful = field_confidences(said, held, tokenizer)
        assert min(doubtful.values()) <= 0.3 / 0.6
        assert "why" in doubtful
    fields = field_confidences(said, grammar, tokenizer, output)
    assert fields == pytest.approx({"kind": 0.5, "total": 2 / 3})
    assert document_confidence(said, grammar, tokenizer, output) == pytest.approx(1 / 3)
    assert field_confidences(said, None, None, output).keys() == {"kind", "total"}


def test_doubt_whether_to_reason_is_no_doubt_in_the_answer(tokenizer):
    output = JsonSchema(definition=SCHEMA, reasoning=Reasoning(name="why", definition={"type": "string"}))
    start = [token(b"{", 0.9), token(b'"', 0.9), token(b"w", 0.4, {b"k": 0.6})]
    rest = [token(bytes([byte]), 0.9) for byte in b'hy":"a","kind":']
    said = answer(*start, *rest, *RECEIPT[1:])
    fields = field_confidences(said, compile_grammar(output).text, tokenizer, output)
    assert fields == pytest.approx({"kind": 0.5, "total": 2 / 3})


def test_without_a_grammar_raw_probabilities_of_values_count(tokenizer):
    fields = field_confidences(answer(*RECEIPT), None, None)
    assert fields == pytest.approx({"kind": 0.3, "total": 0.6})


def test_an_answer_the_model_did_not_want_has_no_confidence(tokenizer):
    """A tiny mass among what is allowed is the alarm, however sure the model is of the rest."""
    forced_into = (RECEIPT[0], token(b'"re', 0.003, {b"x": 0.9}), *RECEIPT[2:])
    assert document_confidence(answer(*forced_into), GRAMMAR, tokenizer) == 0.0


def test_missing_candidates_never_mean_certain(tokenizer):
    speculated = TokenLogprob(id=ID[b'"re'], bytes=b'"re', logprob=0.0, top=())
    tokens = (RECEIPT[0], speculated, *RECEIPT[2:])
    assert document_confidence(answer(*tokens), GRAMMAR, tokenizer) is None
    without = answer(*RECEIPT).model_copy(update={"tokens": ()})
    assert document_confidence(without, GRAMMAR, tokenizer) is None
    assert document_confidence(answer(*RECEIPT), GRAMMAR, None) is None


def test_cut_short_and_not_json_are_worthless(tokenizer):
    cut = answer(*RECEIPT[:6], finish_reason="length")
    assert document_confidence(cut, GRAMMAR, tokenizer) == 0.0
    prose = answer(token(b"x", 0.99))
    assert document_confidence(prose, GRAMMAR, tokenizer) == 0.0


def test_an_answer_that_leaves_the_grammar_is_worthless(tokenizer):
    outside = answer(*(token(bytes([byte]), 0.99) for byte in b'{"other":1}'))
    assert document_confidence(outside, GRAMMAR, tokenizer) == 0.0


def test_labels_and_text_take_the_least_certain_token(tokenizer):
    labels = Labels(names=("receipt", "invoice"))
    said = answer(token(b"receipt", 0.4, {b"invoice": 0.1, b"x": 0.5}))
    sure = document_confidence(said, compile_grammar(labels).text, tokenizer)
    assert sure == pytest.approx(0.8)
    free = answer(token(b"x", 0.9), token(b"}", 0.7))
    assert document_confidence(free, None, None) == pytest.approx(0.7)


def test_tokens_of_another_model_are_noticed(tokenizer):
    wrong = TokenLogprob(id=7, bytes=b"{", logprob=-0.1, top=((7, -0.1),))
    tokens = (wrong, *(token(bytes([b]), 0.9) for b in b'"kind":null,"total":1}'))
    with pytest.raises(IntegrityError) as raised:
        document_confidence(answer(*tokens), GRAMMAR, tokenizer)
    assert raised.value.code == "tokenizer-mismatch"


def test_a_missing_tokenizer_names_the_next_step(tmp_path):
    with pytest.raises(DataError) as raised:
        load_tokenizer(tmp_path / "tokenizer.json")
    assert raised.value.code == "tokenizer-unreadable"
    assert "insource export" in raised.value.hint


@given(st.lists(st.floats(0.05, 1.0), min_size=3, max_size=12))
def test_confidence_is_a_probability_and_falls_with_every_doubt(probabilities):
    def whole(values):
        digits = "".join(str(i % 10) for i in range(len(values)))
        text = json.dumps([int(digit) for digit in digits], separators=(",", ":")).encode()
        pieces, digit = [], 0
        for byte in text:
            is_digit = chr(byte).isdigit()
            pieces.append(token(bytes([byte]), values[digit] if is_digit else 0.9))
            digit += is_digit
        return document_confidence(answer(*pieces), None, None)

    sure = whole(probabilities)
    assert 0 < sure <= 1
    assert whole([p * 0.5 for p in probabilities]) < sure


ANSWERS = st.builds(
    lambda kind, total: json.dumps({"kind": kind, "total": total}, separators=(",", ":")),
    st.sampled_from(["receipt", "invoice", None]),
    st.integers(0, 99),
)


@given(ANSWERS, st.data())
def test_a_candidate_is_allowed_where_the_mask_of_the_whole_vocabulary_says_so(tokenizer, text, data):
    from llguidance import LLMatcher
    from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

    matcher = LLMatcher(tokenizer, GRAMMAR)
    mask = allocate_token_bitmask(1, tokenizer.vocab_size)
    for byte in text.encode()[: data.draw(st.integers(0, len(text)))]:
        assert matcher.consume_token(byte)
    if matcher.compute_ff_bytes():
        return  # forced: no candidate is asked for
    fill_next_token_bitmask(matcher, mask)
    by_mask = {n for n in range(tokenizer.vocab_size) if int(mask[0][n // 32]) >> n % 32 & 1}
    stop = tokenizer.eos_token
    assert {n for n in range(tokenizer.vocab_size) if allows(matcher, n, stop)} == by_mask


def test_to_stop_is_an_alternative_where_an_answer_may_be_over(tokenizer):
    """One label begins another: whether the model stops there is what it decides."""
    grammar = compile_grammar(Labels(names=("in", "invoice"))).text
    stop = tokenizer.eos_token
    longer = TokenLogprob(
        id=ID[b"v"], bytes=b"v", logprob=math.log(0.6), top=((ID[b"v"], math.log(0.6)), (stop, math.log(0.3)))
    )
    rest = [token(bytes([byte]), 0.9) for byte in b"oice"]
    found = judged(answer(token(b"i", 0.9), token(b"n", 0.9), longer, *rest), grammar, tokenizer)
    assert found.confidence == pytest.approx(0.6 / 0.9)
