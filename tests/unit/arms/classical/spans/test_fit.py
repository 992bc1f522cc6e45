"""Span ranking, from training rows to answers: what it learns, and the traps."""

import json

import pytest
from support.made_invoices import SCHEMA, generate

from insource.arms.classical.spans.fit import fit_spans
from insource.arms.classical.spans.folds import fold_sets
from insource.arms.classical.spans.samples import samples_of
from insource.contract.validate import fits
from insource.evaluation.scorers import build_scorer
from insource.models.fitted import registry
from insource.models.fitted.model import FittedModel
from insource.models.protocol import Request
from insource.types import Completion, Example, JsonSchema, Message, Task

INVOICES = Task(name="invoices", instruction="Extract.", output=JsonSchema(definition=SCHEMA))


def task_of(properties, required=None, **settings):
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }
    return Task(name="t", instruction="Extract.", output=JsonSchema(definition=schema), **settings)


def example(text, target, n=0, **more):
    return Example(
        row_id=f"r{n}",
        digest=f"d{n}",
        input=text,
        target=json.dumps(target),
        provenance={"source": "test"},
        **more,
    )


def rows(pairs, **more):
    return [example(text, target, n, **more) for n, (text, target) in enumerate(pairs)]


def invoice(row):
    return example(row["input"], row["output"], row["id"], group=row["group"])


@pytest.fixture(scope="module")
def invoices():
    made = list(generate({"train": 42, "test": 20}, seed=1))
    return [[invoice(row) for row in made if row["split"] == split] for split in ("train", "test")]


@pytest.fixture(scope="module")
def fitted(invoices):
    return fit_spans(INVOICES, invoices[0])


def answered(model, text, attributes=None):
    return json.loads(model.answer(text, attributes).text)


NULLABLE = {"type": ["string", "null"]}


def test_lists_of_objects_are_read_row_by_row(fitted, invoices):
    score = build_scorer(INVOICES)
    scores = [score(one, Completion(text=fitted.model.answer(one.input).text)) for one in invoices[1]]
    lines = [
        slot.bucket == "correct" for one in scores for slot in one.slots if slot.path.startswith("lines")
    ]
    assert sum(lines) / len(lines) >= 0.9
    assert all(one.schema_valid for one in scores)
    assert sum(one.field_accuracy for one in scores) / len(scores) >= 0.9


def test_answers_are_canonical_with_confidences_by_path(fitted, invoices):
    found = fitted.model.answer(invoices[1][0].input)
    assert list(json.loads(found.text)) == list(SCHEMA["properties"])
    slots = build_scorer(INVOICES)(invoices[1][0], Completion(text=found.text)).slots
    assert set(found.field_confidences) == {slot.path for slot in slots}
    assert all(0 <= chance <= 1 for chance in (*found.field_confidences.values(), found.confidence))


def test_a_saved_model_gives_the_same_answers_and_the_same_bytes(fitted, invoices, tmp_path):
    for name in ("one", "two"):
        registry.save(fitted.model, tmp_path / name)
    loaded = registry.load(tmp_path / "one")
    registry.save(loaded, tmp_path / "three")
    for file in ("spans.json", "spans.npz"):
        assert len({(tmp_path / name / file).read_bytes() for name in ("one", "two", "three")}) == 1
    for one in invoices[1]:
        assert loaded.answer(one.input) == fitted.model.answer(one.input)


def test_the_order_of_rows_and_keys_does_not_matter(tmp_path):
    pairs = [
        (f"Ref {n}: {name}\nSum {n * 3}", {"who": name, "sum": n * 3})
        for n, name in enumerate("abcdefgh" * 2)
    ]
    task = task_of({"who": NULLABLE, "sum": {"type": "integer"}})
    turned = [example(text, dict(reversed(target.items())), n) for n, (text, target) in enumerate(pairs)]
    # The digest, which breaks ties, is that of the row: the same rows in another order.
    for name, given in (("a", rows(pairs)), ("b", rows(pairs)[::-1]), ("c", turned)):
        registry.save(fit_spans(task, given).model, tmp_path / name)
    for file in ("spans.json", "spans.npz"):
        assert len({(tmp_path / name / file).read_bytes() for name in "abc"}) == 1


def test_folds_split_no_group(invoices):
    samples = samples_of(INVOICES, invoices[0])
    by_group, by_document = fold_sets(samples, seed=0)
    for fold in by_group:
        groups = [{samples[n].example.group for n in part} for part in fold]
        assert not groups[0] & groups[1]
    assert sorted(n for fold in by_document for n in fold.held) == list(range(len(samples)))


def test_held_out_scores_cover_every_row_and_are_no_better_than_fitted_ones(fitted, invoices):
    assert sorted(one.row_id for one, _ in fitted.held_out) == sorted(one.row_id for one in invoices[0])
    score = build_scorer(INVOICES)
    refitted = [
        score(one, Completion(text=fitted.model.answer(one.input).text)).field_accuracy for one in invoices[0]
    ]
    held_out = [one.field_accuracy for _, one in fitted.held_out]
    assert sum(held_out) < sum(refitted)


def test_a_spelling_that_only_the_held_out_rows_show_is_not_known_there():
    # Each group has a spelling of its own: no fold can know it, although all rows together teach it.
    pairs = [(f"code z{n // 4} item {n}", {"colour": "red" if n // 4 % 2 else "blue"}) for n in range(32)]
    task = task_of({"colour": {"type": ["string", "null"], "enum": ["red", "blue", None]}})
    given = [example(text, target, n, group=f"g{n // 4}") for n, (text, target) in enumerate(pairs)]
    found = fit_spans(task, given)
    learned = found.model.fields[0].taught.aliases
    assert {value for spelling, value in learned.items() if "z1" in spelling} == {"red"}
    assert sum(score.exact for _, score in found.held_out) < 24


def test_a_unit_that_pint_reads_as_something_else_is_learned():
    frequency = {"type": ["string", "null"], "x-insource": {"compare": "quantity", "unit": "Hz"}}
    pairs = [
        (f"Rated {50 + n % 2 * 10} {'c/s' if n % 3 else 'Hz'}, {n + 2} kg", {"f": f"{50 + n % 2 * 10} Hz"})
        for n in range(24)
    ]
    model = fit_spans(task_of({"f": frequency}), rows(pairs)).model
    assert answered(model, "Rated 60 c/s, 9 kg") == {"f": "60 Hz"}


def test_a_field_whose_every_candidate_is_right_is_emitted():
    pairs = [(f"{n}", {"n": n}) for n in range(10, 30)]
    assert answered(fit_spans(task_of({"n": {"type": "integer"}}), rows(pairs)).model, "77") == {"n": 77}


def test_a_factor_and_number_words_are_learned():
    words = {"two": 2, "three": 3, "four": 4}
    pairs = [(f"warranty of {12 * n} months", {"years": n}) for n in range(1, 9)] * 2
    pairs += [(f"warranty of {word} years", {"years": n}) for word, n in words.items()] * 4
    model = fit_spans(task_of({"years": {"type": "integer"}}), rows(pairs)).model
    assert answered(model, "warranty of 120 months") == {"years": 10}
    assert answered(model, "warranty of four years") == {"years": 4}


@pytest.mark.parametrize("absent", ["null", "unscored"])
def test_a_field_that_is_never_present_stays_empty(absent):
    pairs = [(f"Ref: {n}", {"ref": str(n)}) for n in range(100, 120)]
    task = task_of({"ref": NULLABLE, "never": NULLABLE}, absent_fields=absent)
    found = fit_spans(task, rows(pairs)).model.answer("Ref: 555\nnever: 3")
    assert json.loads(found.text)["never"] is None
    assert found.field_confidences["never"] > 0.5 or absent == "unscored"


def test_no_rows_one_row_and_nothing_but_null():
    task = task_of({"ref": NULLABLE})
    for pairs in ([], [("Ref: 12", {"ref": "12"})], [(f"text {n}", {"ref": None}) for n in range(8)]):
        found = fit_spans(task, rows(pairs))
        assert fits(answered(found.model, "Ref: 34"), task.output.definition)
        assert len(found.held_out) in (0, len(pairs))


def test_a_required_field_without_null_gets_a_value():
    task = task_of({"kind": {"type": "string", "enum": ["a", "b"]}, "n": {"type": "integer", "minimum": 3}})
    model = fit_spans(
        task, rows([(f"{'xy'[n % 2]} {n}", {"kind": "ab"[n % 2], "n": n}) for n in range(4, 20)])
    ).model
    for text in ("", "nothing here", "x 1", "y 999"):
        assert fits(answered(model, text), task.output.definition)


def test_an_enum_of_the_whole_text_is_judged_by_its_words():
    words = {
        "good": "fine lovely fast kind warm bright neat calm sunny brisk",
        "bad": "slow broken rude cold dull grim late harsh dirty loud",
    }
    pairs = []
    for n in range(60):
        mood = "good" if n % 2 else "bad"
        said = words[mood].split()
        one, two, three = (said[(n // 2 * step + step) % 10] for step in (1, 3, 7))
        text = f"{one} but {two}, order {n}, then {three}"
        pairs.append((text, {"mood": mood, "order": str(n)}))
    enum = {"type": "string", "enum": ["good", "bad"]}
    model = fit_spans(task_of({"mood": enum, "order": NULLABLE}), rows(pairs)).model
    assert next(one for one in model.fields if one.field.path == ("mood",)).judgement is not None
    for mood, text in (
        ("good", "sunny but lovely, order 991, then fast"),
        ("bad", "grim but loud, order 991, then cold"),
    ):
        assert answered(model, text) == {"mood": mood, "order": "991"}


def test_fields_asked_for_and_contracts_of_the_row():
    contracts = {
        name: {"type": "object", "properties": dict.fromkeys(fields, NULLABLE), "additionalProperties": False}
        for name, fields in {"shoe": ("brand", "size"), "tea": ("brand", "blend")}.items()
    }
    pairs = []
    for n in range(24):
        shoe = {"brand": f"Brand{n % 5}", "size": f"{n % 7 + 36}"}
        tea = {"brand": f"Brand{n % 5}", "blend": ("Assam", "Earl Grey", "Sencha")[n % 3]}
        pairs.append(("shoe", f"Brand{n % 5} boot size {n % 7 + 36}", shoe))
        pairs.append(("tea", f"Brand{n % 5} tea blend {tea['blend']}", tea))
    task = Task(name="t", instruction="x", output=JsonSchema(definition={"type": "object"}))
    given = [
        example(text, target, n, contract=contracts[kind], attributes=tuple(target))
        for n, (kind, text, target) in enumerate(pairs)
    ]
    model = fit_spans(task, given).model
    assert answered(model, "Brand3 tea blend Sencha", ("brand", "blend")) == {
        "brand": "Brand3",
        "blend": "Sencha",
    }
    assert answered(model, "Brand9 boot size 41", ("size",)) == {"size": "41"}
    assert sum(one.field.path == ("brand",) for one in model.fields) == 1


def test_targets_teach_how_nothing_and_dates_are_spelled():
    pairs = [(f"On 0{n % 9 + 1}.03.2024 by post", {"day": f"0{n % 9 + 1}/03/2024"}) for n in range(18)]
    pairs += [(f"No day given {n}", {}) for n in range(9)]
    task = task_of(
        {"day": {"type": "string", "x-insource": {"compare": "date", "day_first": True}}}, required=[]
    )
    model = fit_spans(task, rows(pairs)).model
    assert answered(model, "On 04.03.2024 by post") == {"day": "04/03/2024"}
    assert answered(model, "No day given") == {}


def test_lists_of_values_are_null_when_the_targets_say_so():
    names = ("CAN", "Modbus", "Profinet")
    pairs = [
        (
            f"Speaks {' and '.join(names[: n % 4])}." if n % 4 else "Speaks nothing.",
            {"bus": list(names[: n % 4]) or None},
        )
        for n in range(32)
    ]
    items = {"type": "string", "enum": list(names)}
    model = fit_spans(
        task_of({"bus": {"type": ["array", "null"], "items": items, "minItems": 1}}), rows(pairs)
    ).model
    assert answered(model, "Speaks CAN and Profinet.") == {"bus": ["CAN", "Profinet"]}
    assert answered(model, "Speaks nothing.") == {"bus": None}


def test_the_model_answers_behind_the_common_interface(fitted, invoices):
    one = invoices[1][0]
    request = Request(messages=(Message(role="user", content=one.input),), max_tokens=1)
    completion = FittedModel("spans", fitted.model).generate(request)
    assert completion.text == fitted.model.answer(one.input).text
    assert completion.confidence == fitted.model.answer(one.input).confidence
