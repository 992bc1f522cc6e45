"""Compare two arms on the same documents: the difference, its significance, and a sentence about it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from insource.evaluation.comparison.mix import sample_mix
from insource.evaluation.comparison.pairs import Pairs, Side, gain_sign, pair, require_by_document
from insource.evaluation.comparison.questions import answered, on_documents, on_groups
from insource.evaluation.comparison.sentences import other_sentence, sentence
from insource.evaluation.metrics import estimate
from insource.evaluation.never_answered import never_answered
from insource.evaluation.scorers import LABEL
from insource.stats.paired import PairedTest
from insource.types import Comparison
from insource.types.comparison import Answered, GroupTest, Question


class Terms(NamedTuple):
    """What is compared and how; see ``compare``.

    ``called`` is what sentences call the metric, such as *agreement with gpt-4o*; without it, its own name.
    """

    metric: str
    margin: float
    alpha: float = 0.05
    label_fields: Collection[str] = (LABEL,)
    question: Question = "documents"
    group_test: GroupTest = "cluster t"
    unseen_share: float | None = None
    called: str = ""

    @property
    def name(self) -> str:
        return self.called or self.metric.replace("_", " ")


class Compared(NamedTuple):
    """A comparison with what its correction for several comparisons needs.

    ``test`` is that of the gain (in the good direction); None when nothing can be inferred.
    """

    comparison: Comparison
    test: PairedTest | None


def compare(
    candidate: Side,
    baseline: Side,
    *,
    metric: str,
    margin: float,
    alpha: float = 0.05,
    label_fields: Collection[str] = (LABEL,),
    question: Question = "documents",
    group_test: GroupTest = "cluster t",
    unseen_share: float | None = None,
    not_comparable: str = "",
) -> Comparison:
    """Compare candidate and baseline (candidate minus baseline) on a per-document metric.

    Documents that were not asked of both arms are left out. ``difference`` keeps the metric's own sign.
    ``better`` and ``worse`` count documents in the good direction, which for a hallucination rate is down.
    ``margin`` is a ratio. The outcome follows from the two-sided 1 - ``alpha`` interval of the gain, in this
    order:

    - *better*: the whole interval is above zero;
    - *not worse*: the interval is above -margin. A certain loss within the margin is *not worse*, and
      the sentence names the loss;
    - *worse*: the whole interval is below zero;
    - *inconclusive* otherwise. ``required`` then has the sample that decides with a power of 0.8, if the
      observed difference and its spread are the true ones.

    Where documents share groups there are two ``question``s, of which the outcome answers one and
    ``other_question`` the other. On ``documents`` like these, from the same groups, documents are the units:
    a rate uses the more cautious of exact McNemar and Tango's score, a mean of shares the padded paired t
    (``stats.paired``). On ``groups`` to come, the groups are the units, and ``group_test`` decides: cluster t
    with G - 1 degrees of freedom, from five groups on, or the exact sign-flip test, from six
    (``stats.sign_flip``). ``p_value`` is two-sided, from the test of the interval. A simulated arm gets no
    outcome. A reason in ``not_comparable`` is the outcome of both questions.

    ``unseen_share`` is the share of documents from unseen groups that production is expected to have
    (``mix.expected_unseen``); ``mix`` then sets the test documents against it.

    ``label_fields`` are the paths whose values come from a closed list (``fields_of_labels``). Labels of them
    that a compared cloud never gave are in ``never_answered``; when more than 1 % of the documents have one,
    the sentence begins with it.

    Raises:
        ConfigError: ``metric-not-comparable`` for a metric without a value per document.
        DataError: ``no-common-documents`` when no document was asked of both; ``doubled-documents`` when an
            arm has two records of one document.

    Examples:
        >>> from insource import Arm, EvalRecord, compare
        >>> def record(n, right):
        ...     # The record of a document with one field.
        ...     slot = {"path": "voltage", "bucket": "correct" if right else "wrong", "gold": "480 V"}
        ...     score = {"slots": [slot], "exact": right}
        ...     score |= dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
        ...     return EvalRecord(row_id=str(n), status="scored", score=score)
        >>> tuned = Arm(name="tuned", model="smollm2", kind="tuned"), [record(n, n > 3) for n in range(40)]
        >>> base = Arm(name="base", model="smollm2", kind="base"), [record(n, n > 19) for n in range(40)]
        >>> found = compare(tuned, base, metric="exact_match", margin=0.02)
        >>> found.outcome
        'better'
        >>> f"{found.difference.value:+.2f} [{found.difference.low:+.2f}, {found.difference.high:+.2f}]"
        '+0.40 [+0.24, +0.55]'
    """
    terms = Terms(metric, margin, alpha, label_fields, question, group_test, unseen_share)
    return compared(candidate, baseline, terms, not_comparable).comparison


def compared(candidate: Side, baseline: Side, terms: Terms, not_comparable: str = "") -> Compared:
    """Compare two arms as ``compare`` does, and keep the test of the outcome."""
    require_by_document(terms.metric, [*candidate[1], *baseline[1]])
    pairs = pair(candidate, baseline, terms.metric)
    gains, sign, confidence = pairs.gains(terms.metric), gain_sign(terms.metric), 1 - terms.alpha
    findings = [
        on_documents(gains, pairs.groups, terms.metric, confidence),
        on_groups(gains, pairs.groups, terms.group_test, confidence),
    ]
    known = [found for found in findings if found is not None]
    main = next((found for found in known if found.question == terms.question), known[0])
    answers = {found.question: answered(found, gains, sign, terms.margin, terms.alpha) for found in known}
    simulated = [arm.name for arm in (candidate[0], baseline[0]) if arm.simulated]
    result = _comparison(candidate, baseline, terms, pairs, answers[main.question]).model_copy(
        update={
            "verdict_allowed": not simulated,
            "not_comparable": not_comparable,
            "mix": sample_mix(pairs, terms.metric, terms.unseen_share, confidence),
            "never_answered": tuple(
                gap
                for side in (candidate, baseline)
                for gap in never_answered(*side, terms.label_fields, frozenset(pairs.row_ids))
            ),
        }
    )
    if simulated or not_comparable:
        nothing: dict[str, str | None] = dict.fromkeys(("required_n", "required", "other_test"))
        nothing["outcome"] = None if simulated else "not comparable"
        result = result.model_copy(update=nothing)
    else:
        result = result.model_copy(
            update={"other_question": _other(result, answers, main.question, terms.name)}
        )
    words = sentence(result, simulated, asked=len(known) > 1, name=terms.name)
    return Compared(result.model_copy(update={"sentence": words}), main.gain.test)


def _comparison(candidate: Side, baseline: Side, terms: Terms, pairs: Pairs, answer: Answered) -> Comparison:
    """Return the comparison with the answer to its own question."""
    metric, gains = terms.metric, pairs.gains(terms.metric)
    groups = pairs.groups if answer.question == "groups" else (None,) * len(gains)
    left_out = pairs.left_out
    partial = f"{left_out} documents are left out because only one arm answered them" if left_out else ""
    note = "; ".join(part for part in (answer.difference.note, partial) if part)
    by_document = answer.required if answer.required and answer.required.unit == "documents" else None
    return Comparison(
        candidate=candidate[0].name,
        baseline=baseline[0].name,
        metric=metric,
        n=len(gains),
        candidate_value=estimate(pairs.candidate.tolist(), groups, metric),
        baseline_value=estimate(pairs.baseline.tolist(), groups, metric),
        difference=answer.difference.model_copy(update={"note": note}),
        better=int((gains > 0).sum()),
        worse=int((gains < 0).sum()),
        same=int((gains == 0).sum()),
        p_value=answer.p_value,
        p_not_worse=answer.p_not_worse,
        test=answer.test,
        margin=terms.margin,
        outcome=answer.outcome,
        question=answer.question,
        units=answer.units,
        weighting=answer.weighting,
        required=answer.required,
        other_test=answer.other_test,
        required_n=by_document.expected if by_document else None,
    )


def _other(
    result: Comparison, answers: dict[Question, Answered], asked: Question, name: str
) -> Answered | None:
    """Return the answer to the question that was not asked, in words too."""
    rest = next((answer for question, answer in answers.items() if question != asked), None)
    return rest and rest.model_copy(update={"sentence": other_sentence(result, rest, name)})
