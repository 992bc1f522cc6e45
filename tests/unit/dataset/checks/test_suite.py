"""What single checks promise beyond finding what was planted."""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.made_rows import OPEN, mended, row
from support.planted_rows import KINDS, Rows, clean, context, look

from insource.contract.places import valid_place
from insource.dataset.build import build
from insource.dataset.checks.answer_in_prompt import AnswerInPrompt
from insource.dataset.checks.check import Context, TokenCount
from insource.dataset.checks.fixes import read_decisions
from insource.dataset.checks.over_length import OverLength
from insource.dataset.checks.report import findings_card
from insource.dataset.checks.special_tokens import SpecialTokens
from insource.dataset.checks.spelling import is_abbreviation, is_slip, may_stand_for, normal_key
from insource.dataset.checks.suite import run_checks
from insource.dataset.checks.value_shape import rewritten, shape_of
from insource.dataset.rows.staged import staged
from insource.foundation.errors import DataError, UserError
from insource.models.control_tokens import ControlTokens
from insource.redaction.pseudonyms import Pseudonyms
from insource.types import (
    TOKEN_LIMIT,
    Dropped,
    Finding,
    FixDecision,
    JsonSchema,
    Labels,
    LoggedAnswer,
    OutputSpec,
    Provenance,
    Row,
    Text,
)


def day(month: int) -> str:
    return f"2025-{month + 1:02}-10"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('[truncation]\ndecision = "aply"\n', "[truncation] decision: Input should be 'apply' or 'decline'"),
        ("truncation = 1\n", "truncation is not a table"),
        ('[truncatoin]\ndecision = "apply"\n', "there is no check 'truncatoin'"),
        ("[truncation\n", "Expected ']'"),
    ],
)
def test_a_slip_in_the_fixes_file_is_named(tmp_path: Path, written: str, problem: str) -> None:
    path = tmp_path / "dataset-fixes.toml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_decisions(path)
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("one", "other"),
    [("three-phase", "3 PHASE"), ("EtherNet/IP", "Ethernet-IP"), ("24 V AC", "24VAC"), ("drei", "3")],
)
def test_one_normal_form(one: str, other: str) -> None:
    assert normal_key(one) == normal_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("C++", "C"), ("1.5 A", "15 A"), ("480 V", "408 V"), ("-5", "5"), ("1 10", "11 0")]
)
def test_two_normal_forms(one: str, other: str) -> None:
    assert normal_key(one) != normal_key(other)


def test_slips_and_abbreviations() -> None:
    assert is_slip("Profibus DP", "Profbus DP")
    assert not is_slip("class a", "class b")
    assert not is_slip("unit 12345", "unit 12346")
    assert is_abbreviation("3ph", "3-phase")
    assert not is_abbreviation("1ph", "3-phase")
    assert may_stand_for("PN", "PROFINET")
    assert not may_stand_for("Modbus TCP", "Modbus RTU")


def terms(values: dict[str, int], text: str = "see the label") -> list[Row]:
    said = [value for value, count in values.items() for _ in range(count)]
    return [row(number, f"{text} {number}", {"bus": value}) for number, value in enumerate(said, 1)]


def test_the_documents_own_spelling_is_no_slip() -> None:
    rows = terms({"Profibus": 30, "Profbus": 2})
    assert look(KINDS["term-spellings"], rows, OPEN)[0].count == 2
    copied = [one.model_copy(update={"input": f"bus: {one.output['bus']}"}) for one in rows]
    assert look(KINDS["term-spellings"], copied, OPEN)[0].count == 0


def test_an_abbreviation_needs_documents_that_say_the_long_form() -> None:
    rows = terms({"PROFINET": 30, "PN": 5})
    assert look(KINDS["term-spellings"], rows, OPEN)[0].count == 0
    grounded = [one.model_copy(update={"input": f"PROFINET {one.row_id}"}) for one in rows]
    finding, _ = look(KINDS["term-spellings"], grounded, OPEN)
    assert finding.fix.parameters == {"aliases": {"bus": {"PN": "PROFINET"}}}


def test_spellings_a_given_contract_names_stay_apart() -> None:
    rows = [row(n, f"text {n}", name) for n, name in enumerate(["Billing", "billing"] * 20)]
    assert look(KINDS["term-spellings"], rows, Labels(names=("Billing", "billing")))[0].count == 0
    assert (
        look(KINDS["term-spellings"], rows, Labels(names=("Billing", "billing"), inferred=True))[0].count
        == 20
    )


def test_an_edited_alias_table_is_what_is_applied() -> None:
    rows = terms({"a": 1, "b": 1, "c": 1, "d": 1})
    table = {"aliases": {"bus": {"a": "b", "b": "c", "d": "d"}}}
    assert [one.output["bus"] for one in mended(rows, "term-spellings", table)] == ["c", "c", "c", "d"]
    circle = {"aliases": {"bus": {"a": "b", "b": "a"}}}
    assert [one.output["bus"] for one in mended(rows, "term-spellings", circle)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("term-spellings", {"aliases": ["a"]}),
        ("mixed-prompts", {"keep": "v1"}),
        ("format-drift", {"shapes": 3}),
    ],
)
def test_parameters_that_are_none_are_named(name: str, parameters: dict[str, object]) -> None:
    with pytest.raises(UserError, match=name) as raised:
        mended(terms({"a": 2}), name, parameters)
    assert raised.value.code == "fix-parameters-invalid"


@pytest.mark.parametrize(
    ("value", "target", "made"),
    [
        ("480V", "9 A", "480 V"),
        ("2024/01/05", "9999-99-99", "2024-01-05"),
        ("31.12.2024", "9999-99-99", "2024-12-31"),
        ("03/04/2024", "9999-99-99", "03/04/2024"),
        ("1,500", "9.9", "1,500"),
        ("1,5", "9.9", "1.5"),
        ("abc", "9 A", "abc"),
        ("1,5 kW", "9.9 aA", "1.5 kW"),
        ("Ethernet-IP", "Aa A", "Ethernet IP"),
        ("-5 °C", "9 °A", "-5 °C"),
        ("1.250 kW", "9,9 aA", "1.250 kW"),
        ("3/4 in", "9.9 a", "3/4 in"),
        ("<5 mg", "9 a", "<5 mg"),
        ("±5 V", "9 A", "±5 V"),
        ("10:30", "9.9", "10:30"),
        ("3-5 V", "9 9 A", "3-5 V"),
    ],
)
def test_a_rewritten_value_says_the_same(value: str, target: str, made: str) -> None:
    assert rewritten(value, target) == made
    assert rewritten(made, target) == made


def test_shapes_keep_the_digits_of_dates_only() -> None:
    assert [shape_of(v) for v in ("480 V", "2024-01-05", 7)] == ["9 A", "9999-99-99", "<number>"]


def test_drift_by_model_is_found_without_a_time() -> None:
    rows = [
        one.model_copy(
            update={
                "time": None,
                "output": {"due": "05.01.2024" if number % 2 else "2024-01-05"},
                "provenance": one.provenance.model_copy(update={"model": f"m-{number % 2}"}),
            }
        )
        for number, one in enumerate(clean(100))
    ]
    finding, pointed_at = look(KINDS["format-drift"], rows, OPEN)
    assert "by model" in finding.summary
    assert len(pointed_at) == 50


@pytest.mark.parametrize("output", [Text(), Labels(names=("refund", "tech support"))])
def test_a_class_that_becomes_commoner_is_no_change_of_format(output: OutputSpec) -> None:
    rows = [
        row(
            n,
            f"ticket {n}",
            "tech support" if n % 10 < (3 if n < 300 else 6) else "refund",
            time=day(n // 50),
        )
        for n in range(600)
    ]
    assert look(KINDS["format-drift"], rows, output)[0].count == 0
    rows = [
        one if n < 400 or n % 2 else one.model_copy(update={"output": str(one.output).title()})
        for n, one in enumerate(rows)
    ]
    finding, _ = look(KINDS["format-drift"], rows, output)
    assert (finding.count, finding.measures["changes"][0]["where"]) == (100, "since 2025-09")


def test_a_fix_of_drift_announces_only_the_rows_it_can_rewrite() -> None:
    written = [("480 V", "480V", "480 v")[0 if n < 300 else 1 + n % 2] for n in range(600)]
    rows = [row(n, f"a drive {n}", {"voltage": text}, time=day(n // 50)) for n, text in enumerate(written)]
    finding, pointed_at = look(KINDS["format-drift"], rows, OPEN)
    assert finding.fix is not None
    assert (finding.count, finding.fix.rows, len(pointed_at)) == (300, 150, 150)


def test_a_value_has_one_pseudonym_in_input_and_answer() -> None:
    text = "Reach J. Doe at j.doe@example.org, tel 030 1234567."
    rows = [row(1, text, {"mail": "J.DOE@example.org", "tel": "030 1234567"}), row(2, text, {"mail": None})]
    first, second = mended(rows, "personal-data", pseudonyms=Pseudonyms(bytes(32)))
    mail, tel = re.findall(r"\[(?:email|phone):\w+\]", first.input)
    assert first.output == {"mail": mail, "tel": tel}
    assert first.input == second.input


def test_what_is_taken_out_is_taken_out_of_cloud_answers_and_group_too() -> None:
    clouds = {"a": '{"mail": "J.Doe@example.org"}', "b": "Write to j.doe@example.org."}
    given = row(1, "no address", {"mail": None}, cloud_outputs=clouds, group="j.doe@example.org")
    finding, pointed_at = look(KINDS["personal-data"], [given], OPEN)
    assert (finding.count, pointed_at) == (1, {"r1"})
    (kept,) = mended([given], "personal-data", pseudonyms=Pseudonyms(bytes(32)))
    assert re.fullmatch(r"\[email:\w+\]", kept.group)
    assert kept.cloud_outputs == {"a": f'{{"mail": "{kept.group}"}}', "b": f"Write to {kept.group}."}


def test_what_stands_in_a_row_id_is_only_reported() -> None:
    named = row(1, "no address", {"mail": None}).model_copy(update={"row_id": "j.doe@example.org"})
    finding, _ = look(KINDS["personal-data"], [named], OPEN)
    assert (finding.count, finding.fix, finding.measures["row_ids"]) == (1, None, 1)
    assert mended([named], "personal-data") == [named]


def test_a_respelling_reaches_the_cloud_answers_it_is_compared_with(tmp_path: Path) -> None:
    clouds = {"a": '{"bus": "Profbus", "n": 1}', "b": "no JSON"}
    (kept,) = mended(
        [row(1, "x", {"bus": "Profbus"}, cloud_outputs=clouds)],
        "term-spellings",
        {"aliases": {"bus": {"Profbus": "Profibus"}}},
    )
    assert kept.output == {"bus": "Profibus"}
    assert kept.cloud_outputs == {"a": '{"bus": "Profibus", "n": 1}', "b": "no JSON"}


def test_fixes_reach_the_answers_that_the_log_adds(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [{"id": f"r{n}", "input": f"document {n}", "output": {"a": n}} for n in range(20)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    logged = {"r0": {"m": LoggedAnswer(text="Write to j.doe@example.org.", latency_s=1.5)}}
    decided = FixDecision(check="personal-data", decision="apply")
    made = build(path, name="t", output=OPEN, logged=logged, decisions=[decided])
    (answered,) = [one for split in made.splits.values() for one in split if one.cloud_outputs]
    assert re.fullmatch(r"Write to \[email:\w+\]\.", answered.cloud_outputs["m"])
    assert answered.cloud_latency_s == {"m": 1.5}


def test_findings_never_show_a_secret() -> None:
    key = "sk-" + "aB3dE6gH9jK2mN5p" * 2
    finding, _ = look(KINDS["secrets"], [row(1, f"key {key}", {"a": "b"})], OPEN)
    assert finding.count == 1
    assert key not in finding.model_dump_json()


def test_no_other_check_shows_a_secret_in_its_example() -> None:
    secret = "sk-" + "q8Zt4Lw0Xy7Rk2VnPd5HsJ9"
    rows = [row(n, "what the key is", {"key": secret}) for n in range(30)]
    with TemporaryDirectory() as folder, staged(Rows(rows), Path(folder)) as work:
        findings = run_checks(context(work, OPEN))
    constant = next(finding for finding in findings if finding.check == "constant-fields")
    assert constant.instances[0].detail == "key is always '[secret:openai-key]'"
    assert secret not in findings_card("a", [], {}, findings, {})


def test_a_label_in_the_text_is_no_leak_but_an_announced_one_is() -> None:
    rows = [
        row(1, "My billing question\nCategory: billing", "billing"),
        row(2, "Pay?\nAnswer: billing", "billing"),
    ]
    finding, pointed_at = look(AnswerInPrompt, rows, Labels(names=("billing", "other")))
    assert pointed_at == {"r2"}
    assert mended([rows[1]], "answer-in-prompt", output=Labels(names=("billing",)))[0].input == "Pay?"
    assert finding.count == 1


def test_without_a_tokenizer_the_length_is_not_judged() -> None:
    with TemporaryDirectory() as folder, staged(Rows(clean(3)), Path(folder)) as work:
        finding = run_checks(Context(rows=work, output=OPEN, no_tokens="pip install it"), (OverLength,))[0]
    assert finding.skipped == "tokens are not counted: pip install it"


def test_labels_that_would_be_cut_and_lost() -> None:
    rows = [row(1, "x" * 3 * 4, {"a": 1}), row(2, "x" * 5000 * 4, {"a": 1})]
    finding, _ = look(OverLength, rows, OPEN)
    assert (finding.count, finding.measures["labels_lost"]) == (1, 1)


def special_tokens(rows: list[Row], control: ControlTokens | None) -> Finding:
    with TemporaryDirectory() as folder, staged(Rows(rows), Path(folder)) as work:
        return run_checks(Context(rows=work, output=Text(), control=control), (SpecialTokens,))[0]


def test_rows_that_spell_a_control_token_are_named_with_it() -> None:
    control = ControlTokens({"<|end|>": 2, "<｜User｜>": 3, "<pad>": 4})
    rows = [
        row(1, "it ends <|end|> here <|end|>", "a"),
        row(2, "plain <end>", "a"),
        row(3, "plain", {"note": "<｜User｜>", "<|end|>": 1}),
    ]
    finding = special_tokens(rows, control)
    assert [one.row_id for one in finding.instances] == ["r1", "r3"]
    assert finding.instances[1].detail == "answer: <｜User｜>, <|end|>"
    assert (finding.count, finding.of, finding.severity, finding.fix) == (2, 3, "warning", None)
    assert finding.measures == {"rows_by_token": {"<|end|>": 2, "<｜User｜>": 1}}
    assert "<|end|> (2), <｜User｜> (1)" in finding.summary


def test_without_the_base_model_control_tokens_are_not_looked_for() -> None:
    assert "base model is not on this machine" in special_tokens([row(1, "<|end|>", "a")], None).skipped


def test_of_a_document_of_megabytes_no_more_is_counted_than_tells() -> None:
    read: list[int] = []

    def count(row: Row, target: str) -> TokenCount:
        read.append(len(row.input))
        return TokenCount(prompt=len(row.input) // 4, answer=1)

    with TemporaryDirectory() as folder, staged(Rows([row(1, "x" * 10**6, "a")]), Path(folder)) as work:
        about = Context(rows=work, output=Text(), count_tokens=count, max_tokens=1000)
        finding = run_checks(about, (OverLength,))[0]
    assert read == [500_000]
    assert finding.count == 1


def test_a_text_of_as_many_tokens_as_were_allowed_was_cut() -> None:
    origin = Provenance(source="log", finish_reason=TOKEN_LIMIT)
    edited = origin.model_copy(update={"human_edited": True})
    text = row(1, "a", "A whole sentence, or so it looks.", provenance=origin)
    mended = row(2, "b", "A whole sentence.", provenance=edited)
    closed = row(3, "c", '{"a": 1}', provenance=origin)
    assert look(KINDS["truncation"], [text, mended, closed], Text())[1] == {"r1"}
    assert (
        look(KINDS["truncation"], [row(1, "a", "yes", provenance=origin)], Labels(names=("yes",)))[1] == set()
    )


def grounded(count: int, invented: int, label: str = "teacher", start: int = 0) -> list[Row]:
    origin = Provenance(source="s", label=label)
    return [
        row(
            start + n,
            f"order {1000 + start + n} of 2024",
            {"order": str(1000 + start + n) if n >= invented else f"9{start + n:05}", "year": 2024},
            provenance=origin,
        )
        for n in range(count)
    ]


def test_the_rate_of_invented_values_is_corrected() -> None:
    rows = grounded(200, 20) + grounded(100, 5, label="checked", start=500)
    order = look(KINDS["ungrounded-values"], rows, OPEN)[0].measures["fields"]["order"]
    assert order["unsupported"] == 25
    assert (order["miss"], order["false_alarm"]) == (0.0, 0.05)
    # Rogan and Gladen: (20/200 - 5/100) / (1 - 0 - 5/100)
    assert order["invented"]["value"] == pytest.approx(0.05 / 0.95)
    assert order["invented"]["low"] < 0.05 / 0.95 < order["invented"]["high"]


def test_a_field_that_other_documents_share_is_not_judged() -> None:
    rows = [
        one.model_copy(update={"output": {"size": 1 + n % 9}, "input": "sizes 1 2 3 4 5 6 7 8 9"})
        for n, one in enumerate(grounded(60, 0))
    ]
    size = look(KINDS["ungrounded-values"], rows, OPEN)[0].measures["fields"]["size"]
    assert size["miss"] == 1.0
    assert "found too" in size["not_judged"]


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2, 0.5, 1.0])
def test_the_more_is_invented_the_more_is_said(share: float) -> None:
    invented = round(200 * share)
    finding, pointed_at = look(KINDS["ungrounded-values"], grounded(200, invented), OPEN)
    assert (finding.count, len(pointed_at), finding.severity) == (invented, invented, "warning")
    named = f"{100 * share:.0f} % of the values of order" if share > 0.1 else f": order {invented}"
    assert finding.summary.endswith(named)


def test_what_cannot_be_judged_is_not_in_order() -> None:
    finding, _ = look(KINDS["ungrounded-values"], grounded(10, 5), OPEN)
    assert finding.unjudged == "2 of 2 fields: order (too few values), year (too few values)"
    card = findings_card("a", [], {}, [finding], {})
    assert "In order" not in card
    assert f"- ungrounded-values: {finding.unjudged}" in card


def test_derived_and_closed_fields_are_left_out() -> None:
    schema = {
        "type": "object",
        "properties": {
            "order": {"type": "string", "x-insource": {"derived": True}},
            "year": {"enum": [2024, 2025]},
        },
    }
    finding, _ = look(KINDS["ungrounded-values"], grounded(60, 60), JsonSchema(definition=schema))
    assert finding.measures["fields"] == {}


def test_a_majority_keeps_its_rows_and_a_tie_keeps_none() -> None:
    given = [row(n, "same", {"a": a}) for n, a in enumerate([1, 1, 2], 1)]
    tie = [row(n, "other", {"a": a}) for n, a in enumerate([1, 2], 10)]
    kept = mended([*given, *tie], "contradictory-labels")
    assert [one.row_id for one in kept] == ["r1", "r2"]


def test_a_null_and_an_absent_field_do_not_contradict() -> None:
    rows = [row(1, "same", {"a": 1, "b": None}), row(2, "same", {"a": 1})]
    assert look(KINDS["contradictory-labels"], rows, OPEN)[0].count == 0


def test_rows_dropped_by_decision_do_not_refuse_the_source(tmp_path: Path) -> None:
    lines = [{"input": f"document {n}", "output": {"a": n}} for n in range(20)] + [
        {"input": "x", "output": {"a": "?"}}
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    contract = JsonSchema(definition={"type": "object", "properties": {"a": {"type": "integer"}}})
    with pytest.raises(DataError):
        build(path, name="t", output=contract)
    decided = FixDecision(check="schema-violations", decision="apply")
    manifest = build(path, name="t", output=contract, decisions=[decided]).manifest
    assert manifest.dropped == {"schema-violations": 1}
    assert manifest.read == sum(manifest.counts.values()) + 1


def test_an_inferred_contract_forgets_what_a_fix_took_away(tmp_path: Path) -> None:
    lines = [{"input": f"document {n}", "output": {"p": "3-phase"}} for n in range(60)]
    lines += [{"input": f"paper {n}", "output": {"p": "three-phase"}} for n in range(5)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    decided = FixDecision(
        check="term-spellings", decision="apply", parameters={"aliases": {"p": {"three-phase": "3-phase"}}}
    )
    manifest = build(path, name="t", decisions=[decided]).manifest
    assert manifest.output.definition["properties"]["p"]["enum"] == ["3-phase"]
    assert [(step.step, step.changed) for step in manifest.funnel if step.changed] == [("term-spellings", 5)]


def test_hostile_text_is_no_markup_in_the_card() -> None:
    finding, _ = look(
        KINDS["refusals"], [row(1, "x", "I cannot help with <b>`|\x1b[31m that request.")], Text()
    )
    card = findings_card("rows`\x1b.jsonl", (), {}, [finding], {})
    assert "\x1b" not in card
    assert "<b>" not in card.replace("\\<", "")


def test_a_document_of_ten_megabytes_is_looked_at() -> None:
    rows = [*clean(5), row(99, "word " * 2_000_000, {"model_number": "QX-1"})]
    with TemporaryDirectory() as folder, staged(Rows(rows), Path(folder)) as work:
        found = run_checks(context(work))
    assert all(one.of >= 6 or one.skipped or one.unit == "fields" for one in found)


def test_where_there_are_no_rows_nothing_was_looked_at() -> None:
    unusable = Rows([Dropped(row_id="a", line=1, reason="no-output", detail="")])
    with TemporaryDirectory() as folder, staged(unusable, Path(folder)) as work:
        findings = run_checks(context(work))
    assert {finding.skipped for finding in findings} == {"there are no rows"}


def test_a_schema_is_read_once_however_many_fields_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr(
        "insource.dataset.checks.row_view.valid_place",
        lambda schema: read.append(schema) or valid_place(schema),
    )
    names = [f"field_{i}" for i in range(5_000)]
    wide = JsonSchema(definition={"type": "object", "properties": {name: {"enum": ["a"]} for name in names}})
    rows = [row(i, "x", dict.fromkeys(names[i::10], "a")) for i in range(10)] * 2
    finding, _ = look(KINDS["class-imbalance"], rows, wide)
    assert len(read) == 1
    assert finding.measures["field_10"]["classes"] == 1
