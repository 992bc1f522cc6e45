"""Text answers: overlap as sacreBLEU computes it, required facts, style checks, what a verdict rests on."""

import pytest

from insource.config.task import TaskSection
from insource.evaluation.compare import compare
from insource.evaluation.metrics import summarise
from insource.evaluation.scorers import build_scorer, empty_scores
from insource.evaluation.scoring.style import lix, style_checks
from insource.evaluation.scoring.text import chrf, missing_facts, rests_on, token_f1
from insource.types import Arm, Completion, EvalRecord, Example, Provenance, Style, Task, Text

# Reference, answer, and chrF2 of the pair by sacrebleu 2.6.0: CHRF().sentence_score(answer, [reference]).
SACREBLEU = [
    ("The cat sat on the mat.", "The cat sat on the mat.", 100.0),
    ("The cat sat on the mat.", "A cat is sitting on the mat!", 40.30161260313256),
    ("Die Pumpe läuft mit 480 V.", "Die Pumpe lief mit 400 V", 47.13675232536456),
    ("abc", "abd", 38.888888888888886),
    ("ab", "completely different words here", 0.0),
    ("one two three", "three two one", 51.40873015873015),
    ("Größe: 12 mm", "größe 12mm", 38.419556309772176),
    ("x", "y", 0.0),
    ("a rather long reference text", "text", 13.252598127630336),
]
FACTS = (
    {"any_of": ["480 V"], "compare": "quantity"},
    {"any_of": ["2026-03-01"], "compare": "date"},
    {"any_of": ["refund", "money back"]},
)


def example(target, row_id="r", **fields):
    return Example(
        row_id=row_id, digest="0", input="…", target=target, provenance=Provenance(source="s"), **fields
    )


@pytest.mark.parametrize(("reference", "answer", "expected"), SACREBLEU)
def test_chrf_is_that_of_sacrebleu(reference, answer, expected):
    assert 100 * chrf(reference, answer) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        ("The cat sat", "the CAT, sat!", 1.0),
        ("a b c d", "a b", 2 / 3),
        ("a a b", "a b b", 2 / 3),  # repeats count once each
        ("a", "b", 0.0),
        ("…", "…", 1.0),
    ],
)
def test_token_f1(reference, answer, expected):
    assert token_f1(reference, answer) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ("At 0.48 kV until 1 March 2026, then a refund.", ()),
        ("At 400 V until 1 March 2026 you get your Money Back.", ("480 V",)),
        ("480V; 2026-03-02", ("2026-03-01", "refund")),
        ("nothing", ("480 V", "2026-03-01", "refund")),
        ("4800 V, 2026-03-01 refunds", ("480 V", "refund")),  # token boundaries
    ],
)
def test_required_facts_are_found_by_their_comparators(answer, missing):
    assert missing_facts(FACTS, answer) == missing


def test_facts_give_a_metric_where_a_document_has_some():
    task = Task(name="t", instruction="i", output=Text(), primary_metric="required_facts")
    score = build_scorer(task)
    examples = [example("A 480 V refund.", str(n), facts=FACTS) for n in range(3)] + [example("Plain.", "3")]
    texts = ["480 V, 2026-03-01, refund", "a refund", "no", "Plain."]
    records = [
        EvalRecord(row_id=one.row_id, status="scored", score=score(one, Completion(text=text)))
        for one, text in zip(examples, texts, strict=True)
    ]
    assert [r.score.metrics.get("required_facts") for r in records] == pytest.approx([1, 1 / 3, 0, None])
    assert "missing facts: 480 V, 2026-03-01" in records[1].score.explanation
    arm = Arm(name="a", model="m", kind="a", role="candidate")
    found = summarise(arm, "test", records, all_null=empty_scores(task, examples))
    assert (found.metrics["required_facts"].value, found.metrics["required_facts"].n) == (
        pytest.approx(4 / 9),
        3,
    )
    assert compare((arm, records), (arm, records), metric="required_facts", margin=0.02).n == 3
    assert "required facts" in rests_on("required_facts")


def test_a_failed_call_has_none_of_its_facts_and_no_facts_where_there_are_none():
    task = Task(name="t", instruction="i", output=Text())
    examples = [example("x", "0", facts=FACTS), example("x", "1")]
    records = [EvalRecord(row_id=str(n), status="failed", reason="timeout") for n in range(2)]
    arm = Arm(name="a", model="m", kind="a", role="candidate")
    found = summarise(arm, "test", records, all_null=empty_scores(task, examples)).metrics["required_facts"]
    assert (found.value, found.n) == (0, 1)


@pytest.mark.parametrize(
    ("style", "passes", "fails"),
    [
        ({"max_words": 3}, "one two three", "one two three four"),
        ({"min_words": 2}, "one two", "one"),
        ({"max_characters": 5}, "12345", "123456"),
        ({"min_characters": 5}, "12345", "1234"),
        ({"required_words": ("Kind regards",)}, "Thanks. kind  regards, X", "Regards"),
        ({"forbidden_words": ("guarantee",)}, "We guaranteed it.", "We GUARANTEE it."),
        (
            {"max_lix": 30},
            "The cat sat. It ran.",
            "Unverhältnismäßige Verwaltungsvorschriften benachteiligen.",
        ),
        ({"markup": "none"}, "1 < 2 and 3 * 4", "**bold**"),
        ({"markup": "none"}, "a_b_c and 5 > 4", "# Heading"),
        ({"markup": "markdown"}, "- a list\n- of **two**", "<b>bold</b>"),
        ({"markup": "none"}, "A text.", "<br/>"),
    ],
)
def test_style_checks(style, passes, fails):
    (name,) = style
    declared = Style(**style)
    assert style_checks(declared, passes) == {f"style_{name}": True}
    assert style_checks(declared, fails) == {f"style_{name}": False}


def test_only_declared_checks_are_measured_each_with_its_rate():
    style = Style(max_words=2, markup="none")
    task = Task(name="t", instruction="i", output=Text(), style=style)
    score = build_scorer(task)
    texts = ["ok", "one two three", "*no*", "**x** y z"]
    records = [
        EvalRecord(row_id=str(n), status="scored", score=score(example("ok"), Completion(text=text)))
        for n, text in enumerate(texts)
    ]
    found = summarise(Arm(name="a", model="m", kind="a", role="candidate"), "test", records).metrics
    rates = {name: estimate.value for name, estimate in found.items() if name.startswith("style_")}
    assert rates == {"style_max_words": 0.5, "style_markup": 0.75}
    assert found["style_markup"].method.startswith("Wilson")
    assert style_checks(Style(), "anything <b>goes</b>") == {}


def test_lix_by_hand():
    # 10 words in 2 sentences, 2 of them with more than six letters: 5 + 20.
    assert lix("The little engine went uphill. It carried several red toys.") == pytest.approx(10 / 2 + 20)


def test_the_metric_of_a_text_task_may_decide_and_a_misspelt_one_may_not():
    assert TaskSection(primary_metric="required_facts").primary_metric == "required_facts"
    assert TaskSection(primary_metric="tone", scorer="mine:score").primary_metric == "tone"
    with pytest.raises(ValueError, match="required_facts"):
        TaskSection(primary_metric="required_fact")
