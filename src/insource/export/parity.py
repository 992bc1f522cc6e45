"""The parity gate: what is served has to answer as what was trained.

The served model writes its greedy answer; the trained model then reads prompt and answer in one
forward pass. Where the two agree on every next token, their greedy answers are the same, at a
hundredth of the cost of generating twice. Three things are compared: the prompt's token ids (chat
template and tokenizer), the share of equal next tokens, and the log-probabilities of what was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from insource.errors import IntegrityError
from insource.models.catalogue import BaseModel
from insource.models.llamacpp import LlamaCppModel
from insource.models.protocol import Request
from insource.training.base import best_dtype, load_model, load_tokenizer, quiet
from insource.training.tokenize import prompt_ids
from insource.types import Completion, Example, ParitySummary, Task

# The engine multiplies 8-bit activations with 4-bit weights, the trainer bfloat16 ones: near-ties flip.
MIN_TOKEN_AGREEMENT = 0.97
MAX_MEAN_LOGPROB_DIFFERENCE = 0.10


def check_parity(
    base: BaseModel,
    adapter: Path,
    served: LlamaCppModel,
    task: Task,
    prompts: Sequence[Example],
    max_tokens: int,
) -> ParitySummary:
    """Compare on ``prompts`` (a handful of validation documents), without a grammar.

    Raises:
        IntegrityError: ``parity-failed``; the export is then not published.
    """
    import torch
    from peft import PeftModel

    tokenizer = load_tokenizer(base)
    with quiet():
        trained = PeftModel.from_pretrained(load_model(base, best_dtype()[0]), str(adapter)).eval()
    same = total = 0
    differences: list[float] = []
    prompts_equal = True
    for example in prompts:
        request = Request(
            messages=task.messages(example.input, attributes=example.attributes),
            max_tokens=max_tokens,
            top_logprobs=1,
        )
        completion = served.generate(request)
        ids = prompt_ids(tokenizer, task, example)
        prompts_equal &= ids == served.tokenize_prompt(request)
        with torch.no_grad():
            agreed, gaps = _read_back(trained, ids, completion)
        same, total = same + agreed, total + len(gaps)
        differences += gaps
    summary = _summary(len(prompts), same, total, differences, prompts_equal)
    if not summary.passed:
        raise IntegrityError(
            "parity-failed",
            "What would be served does not answer as what was trained; the export was not published.",
            details=(summary.sentence,),
            hint="Train again with the default recipe. If it persists, the base GGUF and the engine\n"
            "      disagree: try another version of the `serve` extra, and report the line above.",
        )
    return summary


def _read_back(model: Any, prompt: list[int], completion: Completion) -> tuple[int, list[float]]:
    """How many of the served tokens the trained model would have chosen, and each log-probability gap."""
    import torch

    answer = [token.id for token in completion.tokens]
    if not answer:
        return 0, []
    logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].float()
    chosen = logits.argmax(-1).tolist()
    logprobs = logits.log_softmax(-1)
    gaps = [
        abs(float(logprobs[index, token.id]) - token.logprob) for index, token in enumerate(completion.tokens)
    ]
    return sum(a == b for a, b in zip(chosen, answer, strict=True)), gaps


def _summary(
    prompts: int, same: int, total: int, differences: list[float], prompts_equal: bool
) -> ParitySummary:
    agreement = same / total if total else 0.0
    gap = sum(differences) / len(differences) if differences else float("inf")
    passed = prompts_equal and agreement >= MIN_TOKEN_AGREEMENT and gap <= MAX_MEAN_LOGPROB_DIFFERENCE
    return ParitySummary(
        prompts=prompts,
        tokens=total,
        token_agreement=agreement,
        mean_logprob_difference=gap if differences else 0.0,
        prompt_tokens_equal=prompts_equal,
        passed=passed,
        sentence=(
            f"{same} of {total} greedy tokens equal on {prompts} prompts ({agreement:.1%}, needed "
            f"{MIN_TOKEN_AGREEMENT:.0%}); mean log-probability difference {gap:.3f} (allowed "
            f"{MAX_MEAN_LOGPROB_DIFFERENCE}); prompt tokens {'equal' if prompts_equal else 'NOT equal'}."
        ),
    )
