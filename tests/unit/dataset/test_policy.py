"""Whose answers may be trained on: first match wins, unlisted may not, people's corrections pass."""

import pytest

from insource.dataset.policy import (
    TeacherPolicy,
    TeacherRule,
    check_teachers,
    read_policy,
    with_terms,
    write_policy,
)
from insource.errors import IntegrityError, UserError
from insource.types import Example, Provenance, Row


def example(row_id, **origin):
    provenance = Provenance(source="log", **origin)
    return Example(row_id=row_id, digest="0", input="x", target="y", provenance=provenance)


GPT = {"label": "teacher", "provider": "openai", "model": "gpt-4o"}
QWEN = {"label": "teacher", "provider": "together", "model": "qwen3"}


def policy(*rules):
    return TeacherPolicy(teacher=tuple(TeacherRule(model=model, train=train) for model, train in rules))


def test_an_unlisted_teacher_is_refused_and_the_rows_are_named(tmp_path):
    rows = [example("a", **GPT), example("b"), example("c", **GPT), example("d", **QWEN)]
    with pytest.raises(IntegrityError) as error:
        check_teachers(rows, policy(("together/*", "allow")), tmp_path / "teachers.toml")
    assert error.value.code == "teacher-not-allowed"
    assert "2 training rows" in error.value.message
    assert "openai/gpt-4o (2)" in error.value.message
    assert error.value.details[0] == "Rows: a, c."
    assert "--allow 'openai/gpt-4o'" in error.value.hint


def test_the_first_match_wins(tmp_path):
    rules = policy(("openai/gpt-4o", "allow"), ("openai/*", "refuse"))
    check_teachers([example("a", **GPT)], rules, tmp_path)
    with pytest.raises(IntegrityError) as error:
        check_teachers([example("b", **{**GPT, "model": "gpt-5"})], rules, tmp_path)
    assert "The policy refuses them" in error.value.details[1]


def test_what_people_checked_or_corrected_is_never_refused(tmp_path):
    corrected = {**GPT, "label": "checked", "human_edited": True}
    check_teachers([example("a"), example("b", **corrected)], policy(("*", "refuse")), tmp_path)


def test_the_terms_are_kept_with_the_row_and_not_replaced():
    rules = TeacherPolicy(teacher=(TeacherRule(model="openai/*", train="allow", terms="2026-05"),))
    row = Row(line=1, row_id="a", input="x", output="y", provenance=Provenance(source="log", **GPT))
    kept = with_terms(row, rules)
    assert kept.provenance.terms == "2026-05"
    later = TeacherPolicy(teacher=(TeacherRule(model="openai/*", train="allow", terms="2026-11"),))
    assert with_terms(kept, later).provenance.terms == "2026-05"
    people = row.model_copy(update={"provenance": Provenance(source="file")})
    assert with_terms(people, rules) == people


def test_the_file_reads_back(tmp_path):
    path = tmp_path / "teachers.toml"
    rules = (
        TeacherRule(model="openai/*", train="refuse", note="ask Ann"),
        TeacherRule(model="*", train="allow"),
    )
    write_policy(path, rules)
    assert read_policy(path).teacher == rules
    assert read_policy(tmp_path / "none.toml") == TeacherPolicy()


@pytest.mark.parametrize(
    "text", ["[[teacher]]\nmodel = 1", "not toml", '[[teacher]]\nmodel="x"\ntrain="maybe"', "[x]"]
)
def test_a_broken_file_is_named(tmp_path, text):
    path = tmp_path / "teachers.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_policy(path)
    assert error.value.code == "policy-unreadable"
