"""The parity gate: the served model must give the same answers as the trained one.

The served model generates its greedy answer. The trained model then reads prompt and answer in one forward
pass. If both agree on every next token, their greedy answers are the same, at a hundredth of the cost of
generating twice. Three things are compared: the prompt's token ids (chat template and tokenizer), the share
of equal next tokens, and the log-probabilities of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from insource.evaluation.estimators import Units, rate
from insource.export.merged.merging import load_trained
from insource.foundation.errors import IntegrityError
from insource.models.catalogue import BaseModel
from insource.models.conversion.pre_tokenizers import PROBES
from insource.models.engines.protocol import EngineModel
from insource.models.llamacpp import LlamaCppModel
from insource.models.protocol import Request
from insource.training.base import best_dtype, load_tokenizer
from insource.training.tokenize import control_tokens, prompt_ids
from insource.types import Completion, Example, ParitySummary, Task

# The engine uses 8-bit activations and 4-bit weights, the trainer bfloat16, so near-ties can flip.
MIN_TOKEN_AGREEMENT = 0.97
NEAR_TIE = 0.3  # nats: a token this close to the trained model's first choice counts as agreement
MAX_MEAN_LOGPROB_DIFFERENCE = 0.10


def check_parity(
    base: BaseModel,
    weights: Path,
    served: EngineModel,
    task: Task,
    prompts: Sequence[Example],
    max_tokens: int,
) -> ParitySummary:
    """Compare both models on ``prompts`` (a few validation documents), without a grammar.

    ``weights`` is the folder of the trained adapter, or of a whole model.

    Raises:
        IntegrityError: ``parity-failed``; the export is then not published.
    """
    import torch

    tokenizer = load_tokenizer(base)
    control = control_tokens(tokenizer)
    trained = load_trained(base, weights, best_dtype()[0])
    same = tied = total = 0
    differences: list[float] = []
    apart: list[int] = []
    prompts_equal = _probes_equal(tokenizer, served, task)
    for example in prompts:
        request = Request(
            messages=task.messages(example.input, attributes=example.attributes),
            max_tokens=max_tokens,
            top_logprobs=1,
        )
        completion = served.generate(request)
        ids = prompt_ids(tokenizer, control, request.messages)
        prompts_equal &= ids == served.tokenize_prompt(request)
        with torch.no_grad():
            behind, gaps = _read_back(trained, ids, _answer(served, request, completion), completion)
        apart += [place for place, nats in enumerate(behind) if nats > 0][:1]
        same += sum(nats == 0 for nats in behind)
        tied += sum(0 < nats <= NEAR_TIE for nats in behind)
        total += len(behind)
        differences += gaps
    summary = judge(len(prompts), same, tied, total, differences, prompts_equal)
    exact = rate([1.0] * (len(prompts) - len(apart)) + [0.0] * len(apart), Units(None, len(prompts)))
    summary = summary.model_copy(update={"exact": exact, "first_difference": min(apart, default=None)})
    if not summary.passed:
        raise IntegrityError(
            "parity-failed",
            "The served model does not answer like the trained one; the export was not published.",
            details=(summary.sentence,),
            hint="Train again with the default recipe. If it fails again, the base GGUF and the engine\n"
            "      disagree: try another version of the `serve` extra, and report the line above.",
        )
    return summary


def _probes_equal(tokenizer: Any, served: EngineModel, task: Task) -> bool:
    """Return whether both split the texts alike that tell pre-tokenizers apart; few documents have all."""
    control = control_tokens(tokenizer)
    requests = [Request(messages=task.messages(text), max_tokens=1) for text in PROBES]
    return all(
        prompt_ids(tokenizer, control, request.messages) == served.tokenize_prompt(request)
        for request in requests
    )


def _answer(served: EngineModel, request: Request, completion: Completion) -> list[int]:
    """Return the token ids of an answer.

    The engine lists no token that ends within a character. Where one is missing, it is asked again for ids.
    """
    listed = b"".join(token.bytes for token in completion.tokens)
    if listed == completion.text.encode() or not isinstance(served, LlamaCppModel):
        return [token.id for token in completion.tokens]
    return list(served.answer_ids(request).tokens)


def _read_back(
    model: Any, prompt: list[int], answer: list[int], completion: Completion
) -> tuple[list[float], list[float]]:
    """Return two lists: a value per served token, and one per token with a log-probability.

    The first is how far a token is behind the trained model's first choice, in nats (0: it is that choice).
    The second is the absolute difference of its log-probabilities in the two models; it is empty for an
    answer of which the engine did not list every token.
    """
    import torch

    if not answer:
        return [], []
    logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].float()
    logprobs = logits.log_softmax(-1)
    said = logprobs[torch.arange(len(answer)), torch.tensor(answer)]
    behind = (logprobs.max(-1).values - said).tolist()
    if answer != [token.id for token in completion.tokens]:
        return behind, []
    pairs = zip(said.tolist(), completion.tokens, strict=True)
    return behind, [abs(here - token.logprob) for here, token in pairs]


def judge(
    prompts: int, same: int, tied: int, total: int, differences: list[float], prompts_equal: bool
) -> ParitySummary:
    """Return the parity summary for these counts.

    ``tied`` tokens differ only by a near-tie. They count as agreement, because a label may have only three
    tokens, and one such flip is no reason to refuse an export.
    """
    agreement = (same + tied) / total if total else 0.0
    gap = sum(differences) / len(differences) if differences else 0.0
    # Answers whose every character takes several tokens have no log-probabilities to compare.
    gaps_say = f"{gap:.3f}" if differences else "not measured"
    prompts_say = "equal" if prompts_equal else "NOT equal"
    passed = prompts_equal and agreement >= MIN_TOKEN_AGREEMENT and gap <= MAX_MEAN_LOGPROB_DIFFERENCE
    return ParitySummary(
        prompts=prompts,
        tokens=total,
        token_agreement=agreement,
        mean_logprob_difference=gap,
        prompt_tokens_equal=prompts_equal,
        passed=passed,
        sentence=(
            f"{same} of {total} greedy tokens equal and {tied} nearly tied on {prompts} prompts "
            f"({agreement:.1%}, needed {MIN_TOKEN_AGREEMENT:.0%}); "
            f"mean log-probability difference {gaps_say} "
            f"(allowed {MAX_MEAN_LOGPROB_DIFFERENCE}); prompt tokens {prompts_say}."
        ),
    )
