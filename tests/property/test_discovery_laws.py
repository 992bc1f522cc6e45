"""What holds for every log: nothing raises, counts add up, rules find what they were made from."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from insource.logs.discovery import Rules, TaskFinder, load_rules, save_rules, survey
from insource.logs.discovery.evidence import Distinct, key_set, leaves, parsed
from insource.logs.discovery.mining import MIN_SUPPORT, mine
from insource.logs.discovery.prompts import read_prompt
from insource.logs.discovery.rules import Pattern, TaskRule
from insource.logs.discovery.templates import Template, TemplateIndex
from insource.providers.requests import END, MARK, read_answer
from insource.store.calls.calls import insert_calls
from insource.store.database import open_database
from insource.types import Call

START = datetime(2026, 11, 1, tzinfo=UTC)
KEYS = (
    "messages role content text parts input instructions system tools tool_choice name function type output "
    "parameters properties items response_format json_schema schema choices tool_calls arguments contents"
)
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS.split()) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=30,
)
instructions = st.sampled_from(
    [
        "Sort the following stone into a class: {}",
        "{} Say in one word what this was about.",
        "Read this: {} Then name the colour and the weight.",
        "{}",
    ]
)
sayings = st.tuples(instructions, st.text(max_size=40)).map(lambda pair: pair[0].format(pair[1]))


@given(documents)
def test_any_document_is_read_or_passed_over(document):
    prompt = read_prompt(document)
    if prompt is not None:
        assert prompt.text.startswith(MARK)
        assert prompt.text.endswith(f" {END}")
        assert "\n" not in prompt.text
    assert isinstance(read_answer(document, ""), str)


@given(st.text(max_size=60) | documents.map(str))
def test_any_answer_is_taken_apart(answer):
    document = parsed(answer)
    if isinstance(document, dict | list):
        assert isinstance(key_set(document), str)
        assert all(isinstance(leaf, str | int | float) for leaf in leaves(document))


@settings(max_examples=60, deadline=None)
@given(st.lists(sayings, max_size=60))
def test_a_template_explains_at_least_what_it_was_mined_from(said):
    prompts = [prompt for text in said if (prompt := read_prompt({"prompt": text})) is not None]
    for template in mine(prompts):
        assert sum(template.matches(prompt.text) for prompt in prompts) >= MIN_SUPPORT
        assert template == Template.model_validate(template.model_dump())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(sayings, st.sampled_from(["yes", "no", '{"a": 1}', ""])), max_size=40))
def test_every_call_is_counted_once(exchanges):
    calls = [
        Call(
            call_id=f"call-{number}",
            started_at=START + timedelta(hours=number),
            model_asked="m",
            request={"messages": [{"role": "user", "content": said}]},
            response_text=answer,
        )
        for number, (said, answer) in enumerate(exchanges)
    ]
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder) / "insource.db") as database:
        with database.write() as connection:
            insert_calls(connection, calls)
        found = survey(database, min_calls=2)
    assert found.calls == len(calls)
    assert sum(one.calls for one in found.candidates) + found.scattered + found.unreadable == len(calls)
    assert found.scattered >= 0
    assert len({one.name for one in found.candidates}) == len(found.candidates)


segments = st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4).map(tuple)


@given(st.lists(segments, min_size=1, max_size=5, unique=True))
def test_rules_come_back_from_their_file_as_they_were(listed):
    templates = [Template(segments=one) for one in listed]
    rules = Rules(
        rule=tuple(
            TaskRule(task=f"t{number}", fingerprint=one.fingerprint, segments=one.segments)
            for number, one in enumerate(templates)
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        save_rules(Path(folder) / "tasks.toml", rules)
        assert load_rules(Path(folder) / "tasks.toml") == rules
    assert rules.with_candidates(()) == rules


@given(st.lists(st.tuples(instructions, st.text(max_size=20)), min_size=12, max_size=40))
def test_a_finder_finds_what_the_index_finds(pairs):
    requests = [{"messages": [{"role": "user", "content": one.format(text)}]} for one, text in pairs]
    prompts = [prompt for one in requests if (prompt := read_prompt(one)) is not None]
    templates = mine(prompts)
    rules = [
        TaskRule(task=f"t{number}", fingerprint=one.fingerprint, segments=one.segments)
        for number, one in enumerate(templates)
    ]
    half = Rules(
        rule=tuple(rules[::2]),
        passed_over=tuple(Pattern(**one.model_dump(exclude={"task"})) for one in rules[1::2]),
    )
    finder, index = TaskFinder(half), TemplateIndex(templates)
    for prompt in prompts:
        found = index.find(prompt)
        place = None if found is None else templates.index(found)
        assert finder.task(prompt) == (None if place is None or place % 2 else f"t{place}")


@given(st.lists(st.text(max_size=4)), st.lists(st.text(max_size=4)))
def test_distinct_texts_are_counted_exactly_while_they_are_few(one, other):
    first, second = Distinct(), Distinct()
    for text in one:
        first.add(text)
    for text in other:
        second.add(text)
    first.merge(second)
    assert first.count() == len({*one, *other})


def test_many_distinct_texts_are_counted_within_the_sketchs_error():
    counted = Distinct(1024)
    for number in range(50_000):
        counted.add(str(number))
        counted.add(str(number))
    assert abs(counted.count() / 50_000 - 1) < 0.1  # three standard errors of 1/sqrt(1022)
