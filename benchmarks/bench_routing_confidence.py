"""What confidence costs an answer: the replay of its tokens, and the learned confidence of its fields.

The answers are JSON objects of twenty fields, cut as the embedded model's vocabulary
allows, each token with 20 candidates, some of
them doubtful; no model is run. Quantiles are over answers, one thread.

    python benchmarks/bench_routing_confidence.py
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from claims import Claims, parser

from insource.contract.grammar import compile_grammar
from insource.foundation.rng import generator
from insource.models.catalogue import resolve
from insource.routing.confidence import TOP_LOGPROBS, judged
from insource.routing.vocabulary import tokenizer_of
from insource.types import Completion, JsonSchema, TokenLogprob

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

MODEL, TOKENS, MOST_S = "smollm2-135m-instruct", 100, 0.002
FIELDS = 20
DOCUMENT = 2_000


def main() -> None:
    options = parser(__doc__).parse_args()
    claims = Claims()
    repeats = 20 if options.quick else 100
    output, documents, answers = made()
    tokenizer, grammar = tokenizer_of(resolve(MODEL).gguf), compile_grammar(output).text
    completions = [tokens_of(answer, tokenizer) for answer in answers]
    claims.add("tokens an answer", float(np.mean([len(one.tokens) for one in completions])), "tokens")
    for one in completions[:3]:
        judged(one, grammar, tokenizer, output)  # the grammar is compiled once
    replays = timed(lambda n: judged(completions[n], grammar, tokenizer, output), len(completions), repeats)
    known = [judged(one, grammar, tokenizer, output) for one in completions]
    confidence = learned(output, documents)
    states = timed(lambda n: confidence.stated(documents[n], known[n], output), len(known), repeats)
    per_100 = TOKENS / np.array([len(one.tokens) for one in completions])
    for quantile, name in ((0.5, "p50"), (0.95, "p95")):
        replay = float(np.quantile(replays * per_100, quantile))
        stated = float(np.quantile(states, quantile))
        judge = {"at_most": MOST_S} if quantile == 0.5 else {}
        claims.add(f"replay of {TOKENS} tokens, {name}", replay, "s")
        claims.add(f"learned confidence of {FIELDS} fields, {DOCUMENT:,} characters, {name}", stated, "s")
        claims.add(f"confidence of an answer of {TOKENS} tokens, {name}", replay + stated, "s", **judge)
    claims.write(options.json)


def made() -> tuple[JsonSchema, list[str], list[str]]:
    """A contract of twenty fields, and fifty documents with their answers."""
    rng = generator(0, "bench.confidence")
    names = [f"field_{n}" for n in range(FIELDS)]
    field = {"type": ["string", "null"], "maxLength": 24}
    definition = {
        "type": "object",
        "properties": dict.fromkeys(names, field),
        "required": names,
        "additionalProperties": False,
    }
    documents, answers = [], []
    for _ in range(50):
        values = [f"{rng.integers(100, 999)} V" if rng.uniform() < 0.5 else None for _ in names]
        text = " ".join(
            f"{name}: {value or 'not stated'};" for name, value in zip(names, values, strict=True)
        )
        documents.append((text * (DOCUMENT // len(text) + 1))[:DOCUMENT])
        answers.append(json.dumps(dict(zip(names, values, strict=True)), separators=(",", ":")))
    return JsonSchema(definition=definition), documents, answers


def tokens_of(answer: str, tokenizer: object) -> Completion:
    """The answer in the longest pieces of the vocabulary, each with random other candidates."""
    pieces = {bytes(tokenizer.decode_bytes([n])): n for n in range(tokenizer.vocab_size)}  # type: ignore[attr-defined]
    longest = max(map(len, pieces))
    rng = generator(1, "bench.candidates")
    text, at, tokens = answer.encode(), 0, []
    while at < len(text):
        size = next(n for n in range(longest, 0, -1) if text[at : at + n] in pieces)
        own = pieces[text[at : at + size]]
        sure = float(rng.choice([-0.01, -0.3, -2.0], p=[0.85, 0.1, 0.05]))
        others = [(int(n), -5.0) for n in rng.integers(0, len(pieces), TOP_LOGPROBS - 1)]
        tokens.append(
            TokenLogprob(id=own, bytes=text[at : at + size], logprob=sure, top=((own, sure), *others))
        )
        at += size
    return Completion(text=answer, tokens=tuple(tokens))


def learned(output: JsonSchema, documents: list[str]) -> object:
    """A learned confidence with all features."""
    from support.judged_answers import halving

    from insource.routing.fields.features import FEATURES
    from insource.routing.fields.novelty import known_text

    return halving().model_copy(update={"weights": (0.1,) * len(FEATURES), "known": known_text(documents)})


def timed(work: Callable[[int], object], count: int, repeats: int) -> np.ndarray:
    """The least seconds of each of ``count`` pieces of work over the repeats."""
    found = np.full(count, np.inf)
    for _ in range(repeats):
        for n in range(count):
            begun = time.perf_counter()
            work(n)
            found[n] = min(found[n], time.perf_counter() - begun)
    return found


if __name__ == "__main__":
    main()
