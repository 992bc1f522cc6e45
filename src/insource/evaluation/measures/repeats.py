"""Measure the agreement from run to run: whether the same question gets the same answer again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from insource.contract.answers import read_answer
from insource.evaluation.estimators import rate, sampling_units
from insource.foundation import canonical
from insource.foundation.errors import ProviderError
from insource.models.protocol import Request
from insource.types import Completion, Estimate, EvalRecord, Example, OutputSpec

Again = Callable[[Example, int], Completion]
"""Asks about a document once more, with the number of the repeat."""


def repeated(request: Request, repeat: int) -> Request:
    """Return the request of a repeat: another seed, so that no kept answer of the first time is taken."""
    return request.model_copy(update={"seed": request.seed + repeat})


def run_agreement(
    examples: Sequence[Example],
    records: Sequence[EvalRecord],
    output: OutputSpec,
    times: int,
    again: Again,
) -> Estimate:
    """Return the share of documents whose answers, ``times`` repeats included, are identical canonical JSON.

    Key order and spaces do not count. Documents whose call failed, the first time or later, are left out.

    Raises:
        ProviderError: the engine is gone.
    """
    first = {r.row_id: r.completion.text for r in records if r.completion is not None}
    same, groups, failed = [], [], 0
    for example in examples:
        if example.row_id not in first:
            failed += 1
            continue
        try:
            texts = [again(example, repeat).text for repeat in range(1, times + 1)]
        except ProviderError as error:
            if error.code.startswith("engine-"):
                raise
            failed += 1
            continue
        wanted = _canonical(first[example.row_id], output)
        same.append(float(all(_canonical(text, output) == wanted for text in texts)))
        groups.append(example.group)
    found = rate(same, sampling_units(groups))
    note = f"{times} repeats a document" + (f"; {failed} failed documents left out" if failed else "")
    return found.model_copy(update={"note": "; ".join(filter(None, (found.note, note)))})


def _canonical(text: str, output: OutputSpec) -> str:
    answer = read_answer(text, output)
    return canonical.dumps(answer.value) if answer.repairable else text.strip()
