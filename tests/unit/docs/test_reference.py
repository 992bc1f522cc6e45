"""The reference pages say what the code says: every key, code, metric and option, and nothing stale."""

from __future__ import annotations

import ast
import inspect
import json
import re

import pytest
from unit.docs.generated_pages import (
    BEGIN,
    BLOCKS,
    END,
    REFERENCE,
    ROOT,
    SCHEMA,
    commands,
    run_result_schema,
    with_block,
)

from insource.config.loading import keys
from insource.config.sections import Config
from insource.evaluation.metrics import BY_DOCUMENT, LOWER_IS_BETTER, summarise
from insource.foundation import errors
from insource.matching.comparators import Kind, ListKind
from insource.types import Arm, Bucket, Completion, EvalRecord, RunResult, Score, SlotScore

SOURCES = sorted((ROOT / "src" / "insource").rglob("*.py"))
ERRORS = {name for name, kind in inspect.getmembers(errors, inspect.isclass)}
GATEWAY_REPLIES = {"refuse", "Refused", "error_document"}
SLUG = re.compile(r"[a-z]+(-[a-z]+)+")


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def headings(name: str) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", page(name), re.MULTILINE))


@pytest.mark.parametrize("name", BLOCKS)
def test_the_generated_part_is_current(name):
    text = page(name)
    assert text.count(BEGIN) == text.count(END) == 1
    assert text == with_block(text, BLOCKS[name]()), "run: python tests/unit/docs/generated_pages.py"


def test_the_schema_of_the_run_result_is_current():
    assert SCHEMA.read_text(encoding="utf-8") == run_result_schema(), (
        "run: python tests/unit/docs/generated_pages.py"
    )


def test_the_version_of_the_run_result_is_the_one_documented():
    version = RunResult.model_fields["schema_version"].default
    assert f"`schema_version` is {version}." in page("run-result.md")


def test_every_key_of_the_run_result_is_documented():
    named = set(re.findall(r"`([a-z_]+)`", page("run-result.md")))
    assert set(RunResult.model_fields) <= named


def test_every_configuration_key_has_a_row_and_a_sentence():
    rows = re.findall(r"^\| `([a-z_.0-9<>]+)` \|.+\| (.+) \|$", page("configuration.md"), re.MULTILINE)
    assert [name for name, _ in rows] == list(keys())
    assert all(meaning.endswith(".") or "(" in meaning for _, meaning in rows)
    assert {f"[{section}]" for section in Config.model_fields} <= headings("configuration.md")


def test_every_command_and_option_is_documented():
    text = page("cli.md")
    for name, command in commands():
        _, _, section = text.partition(f"\n## insource {name}\n")
        section = section.partition("\n## ")[0]
        assert section, name
        for parameter in command.params:
            assert all(f"`{option}`" in section for option in parameter.opts if option.startswith("-"))


def codes() -> dict[str, str]:
    """Every error code in the sources, with a place where it is used."""
    found = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            if (name in ERRORS and name != "InsourceError") or (name == "InsourceError" and node.args):
                for code in _codes_of(node, where):
                    found[code] = where
            elif name in GATEWAY_REPLIES and "gateway" in path.parts:
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and SLUG.fullmatch(str(argument.value)):
                        found[str(argument.value)] = where
    return found


def _codes_of(call: ast.Call, where: str) -> list[str]:
    """The code is written out at the place of the error, so that it can be searched for."""
    first = call.args[0] if call.args else None
    options = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
    values = [option.value for option in options if isinstance(option, ast.Constant)]
    assert len(values) == len(options), f"{where}: the error's code is not written out"
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", value) for value in values), where
    return values


def test_every_error_code_has_a_heading_and_every_heading_a_code():
    documented = {text for text in headings("errors.md") if re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", text)}
    used = codes()
    missing = {code: where for code, where in used.items() if code not in documented}
    assert not missing
    # These are chosen by a variable in the gateway.
    internal = {"internal-error", "no-cloud", "by-rule", "prompt-changed", "model-overloaded"}
    assert documented - set(used) <= internal


def test_every_error_has_its_cause_and_what_to_do():
    for section in re.split(r"^### ", page("errors.md"), flags=re.MULTILINE)[1:]:
        code, _, text = section.partition("\n")
        sentences = re.findall(r"[.)](?:\s|$)", text.partition("\n## ")[0])
        assert len(sentences) >= 2, code


def computed_metrics() -> set[str]:
    """The names that summarising gives for a JSON task and for a label task."""
    names: set[str] = set(BY_DOCUMENT)
    for path in ("a", "label"):
        slot = SlotScore(path=path, bucket="correct", gold="x", predicted="x")
        score = Score(
            slots=(slot,), parsed=True, repairable=True, schema_valid=True, canonical=True, exact=True
        )
        record = EvalRecord(row_id="1", status="scored", score=score, completion=Completion(text="x"))
        evaluation = summarise(Arm(name="a", model="m", kind="tuned"), "test", [record, record])
        names |= set(evaluation.metrics) | set(evaluation.latency_s)
    return names


def test_every_metric_bucket_and_comparator_is_documented():
    named = set(re.findall(r"`([a-z0-9_]+)`", page("metrics.md")))
    assert computed_metrics() | LOWER_IS_BETTER <= named
    for choices in (Bucket, Kind, ListKind):
        assert set(choices.__args__) <= named


def test_the_metrics_page_marks_what_can_be_compared():
    text = page("metrics.md")
    _, _, headline = text.partition("## Headline metrics")
    headline, _, components = headline.partition("## Components")
    marked = set(re.findall(r"^\| `([a-z0-9_]+)` \|", headline, re.MULTILINE))
    marked |= set(re.findall(r"^\| `([a-z0-9_]+)` \|.+\| yes \|$", components, re.MULTILINE))
    assert marked == set(BY_DOCUMENT)


def test_every_reason_to_drop_a_row_is_documented():
    guides = (("your-own-data.md", "## Rows that cannot be used"), ("sources.md", "## Reasons"))
    documented = set()
    for name, heading in guides:
        text = (ROOT / "docs" / "guides" / name).read_text(encoding="utf-8")
        documented |= set(re.findall(r"^\| `([a-z0-9-]+)` \|", text.partition(heading)[2], re.M))
    used = set()
    for path in (ROOT / "src" / "insource" / "dataset").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        used |= set(re.findall(r"BadRow\(\s*\"([a-z0-9-]+)\"", text))
        used |= set(re.findall(r"reason=\"([a-z0-9-]+)\"", text))
    assert used == documented


def test_the_schema_of_the_run_result_is_json_schema():
    import jsonschema_rs

    jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))
