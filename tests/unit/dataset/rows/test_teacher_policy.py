"""Whose answers may be trained on: first match wins, unlisted may not, people's corrections pass."""

import pytest

from insource.dataset.rows.teacher_policy import (
    TeacherPolicy,
    TeacherRule,
    check_teachers,
    read_policy,
    with_terms,
    write_policy,
)
from insource.foundation.errors import IntegrityError, UserError
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


def test_every_teacher_of_a_row_has_to_be_allowed(tmp_path):
    rows = [example("a", **QWEN), example("b", **QWEN, co_teachers=("openai/gpt-4o", "openai/gpt-5"))]
    check_teachers(rows, policy(("*", "allow")), tmp_path)
    with pytest.raises(IntegrityError) as error:
        check_teachers(rows, policy(("together/*", "allow")), tmp_path)
    assert "1 training rows" in error.value.message
    assert "openai/gpt-4o (1), openai/gpt-5 (1)" in error.value.message
    assert error.value.details[0] == "Rows: b."


def test_the_first_match_wins(tmp_path):
    rules = policy(("openai/gpt-4o", "allow"), ("openai/*", "refuse"))
    check_teachers([example("a", **GPT)], rules, tmp_path)
    with pytest.raises(IntegrityError) as error:
        check_teachers([example("b", **{**GPT, "model": "gpt-5"})], rules, tmp_path)
    assert "The policy refuses them" in error.value.details[1]


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        ([("openai/*", "refuse"), ("*", "allow")], True),
        ([("anthropic/claude*", "refuse"), ("*", "allow")], False),
        ([("gpt-4o*", "allow"), ("openai/*", "refuse")], False),
        ([("openai/*", "allow"), ("*", "refuse")], True),
        ([("*", "allow")], False),
    ],
)
def test_a_model_of_an_unknown_provider_is_refused_where_a_rule_may_cover_it(tmp_path, rules, refused):
    imported = example("a", **{**GPT, "provider": ""})
    if not refused:
        check_teachers([imported], policy(*rules), tmp_path)
        return
    with pytest.raises(IntegrityError) as error:
        check_teachers([imported], policy(*rules), tmp_path)
    assert error.value.code == "teacher-not-allowed"
    assert "--allow 'gpt-4o'" in error.value.hint


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


def dated(*rules):
    """Rules for one teacher from (date, decision, terms), in the order they were added."""
    found = TeacherPolicy()
    for date, train, terms in rules:
        found = found.with_rule(TeacherRule(model="openai/*", train=train, terms=terms, date=date))
    return found


@pytest.mark.parametrize(
    ("answered", "terms"),
    [
        ("", "v1"),
        ("2026-01-31", "v1"),
        ("2026-05-01", "v1"),
        ("2026-06-30T23:59:59+00:00", "v1"),
        ("2026-07-01", "v2"),
        ("2027-01-01", "v2"),
    ],
)
def test_an_answer_has_the_terms_in_force_when_it_was_given(answered, terms):
    rules = dated(("2026-05-01", "allow", "v1"), ("2026-07-01", "allow", "v2"))
    origin = Provenance(source="log", date=answered, **GPT)
    row = Row(line=1, row_id="a", input="x", output="y", provenance=origin)
    assert with_terms(row, rules).provenance.terms == terms


@pytest.mark.parametrize(
    ("first", "then", "objection"),
    [
        ("allow", "allow", ""),
        ("allow", "refuse", "The policy refuses them"),
        ("refuse", "allow", "The rule of 2026-05-01, in force when they answered, refuses"),
        ("refuse", "refuse", "The policy refuses them"),
    ],
)
def test_the_rule_in_force_and_the_newest_both_have_to_allow(tmp_path, first, then, objection):
    rules = dated(("2026-05-01", first, "v1"), ("2026-07-01", then, "v2"))
    row = example("a", date="2026-06-01", **GPT)
    if not objection:
        check_teachers([row], rules, tmp_path)
        return
    with pytest.raises(IntegrityError) as error:
        check_teachers([row], rules, tmp_path / "teachers.toml")
    assert error.value.details[1] == f"{objection}, in teachers.toml."


def test_another_decision_on_the_same_terms_replaces_the_one_before():
    rules = dated(("2026-05-01", "refuse", "v1"), ("2026-07-01", "allow", "v1"), ("2026-08-01", "refuse", ""))
    assert rules.teacher == (TeacherRule(model="openai/*", train="refuse", terms="v1", date="2026-05-01"),)
    corrected = dated(
        ("2026-05-01", "allow", "v1"), ("2026-07-01", "allow", "v2"), ("2026-07-01", "allow", "v3")
    )
    assert [(rule.terms, rule.date) for rule in corrected.teacher] == [
        ("v3", "2026-07-01"),
        ("v1", "2026-05-01"),
    ]


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
