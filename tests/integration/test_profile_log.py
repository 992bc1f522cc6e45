"""Profiles of tasks from a log alone, on logs whose facts are planted."""

import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from support.planted_logs import (
    DESK,
    PROMPT,
    Documents,
    call,
    changed,
    orders,
    profiled,
    stored,
    the_profile,
    tickets,
)
from support.prompt_log import calls as mixed_calls

from insource.arms.classical.first_look import first_look
from insource.decision.from_log import samples
from insource.decision.from_log.figures import DAYS_A_MONTH, DAYS_A_QUARTER
from insource.logs.discovery import Rules, survey
from insource.store.calls.calls import find_calls
from insource.store.calls.feedback import add_feedback
from insource.store.database import open_database
from insource.types import Usage


@pytest.fixture(scope="module")
def plain():
    """20 orders a day for 30 days, all different, answered rightly, at $0.002 a call."""
    return the_profile(orders())


def holds(estimate, value):
    """The interval has the planted value, and is one."""
    assert estimate.low <= value <= estimate.high, estimate
    assert estimate.low < estimate.high
    assert estimate.n
    return True


# What it costs now, and how much there is


def test_the_cost_of_the_log_is_exact_and_that_of_a_month_follows(plain):
    assert plain.spending.usd == Decimal("0.002") * 600
    assert plain.spending.per_month_usd.value == pytest.approx(20 * DAYS_A_MONTH * 0.002)
    assert plain.spending.per_1000_usd.value == pytest.approx(2.0)
    assert plain.spending.priced_by == ("planted",)
    assert plain.traffic.calls == plain.traffic.answered == 600
    assert plain.traffic.per_month.value == pytest.approx(20 * DAYS_A_MONTH)


def test_a_volume_that_grows_has_a_trend_with_its_interval():
    documents, grown = Documents(), []
    a_day = [10 + day + (day * 7) % 5 for day in range(28)]
    for day, count in enumerate(a_day):
        for one in range(count):
            document, facts = documents.order()
            grown.append(call(day * 100 + one, document, json.dumps(facts), a_day=100))
    found = the_profile(grown).traffic
    complete = a_day[:-1]  # the log ends within its last day
    mean = sum(complete) / len(complete)
    assert holds(found.trend, DAYS_A_MONTH / mean)
    assert holds(found.per_month, DAYS_A_MONTH * mean)


def test_a_steady_cost_has_no_trend(plain):
    assert plain.spending.trend.value == pytest.approx(0, abs=1e-9)


def test_tokens_cache_and_batch_are_measured():
    made = orders(days=8)
    made = [
        changed(
            one,
            usage=Usage(input_tokens=400, cached_tokens=100, output_tokens=30),
            tags={"batch": "yes"} if number % 4 == 0 else {},
            usage_estimated=number < 5,
        )
        for number, one in enumerate(made)
    ]
    found = the_profile(made).spending
    assert found.input_tokens.value == found.input_tokens_p95.value == 400
    assert found.estimated == 5
    assert found.output_tokens.value == 30
    assert found.cached.value == pytest.approx(0.25)
    assert found.batched.value == pytest.approx(0.25)


# Narrow and stable


def test_one_prompt_covers_the_task_and_nothing_changes(plain):
    narrow = plain.narrowness
    assert len(narrow.prompts) == 1
    assert narrow.prompts[0].template.startswith(f"system: {PROMPT}")
    assert narrow.in_three_prompts.value == 1
    assert narrow.answers == "json"
    assert narrow.one_form.value == 1
    assert narrow.prompt_changes.value == narrow.schema_changes.value == 0
    assert narrow.changes == ()
    # No change in 30 days leaves some room for one in a quarter.
    assert narrow.prompt_changes.high == pytest.approx(3.689 / plain.traffic.days * DAYS_A_QUARTER, rel=1e-3)


def test_a_schema_that_changes_weekly_is_seen_to():
    made = []
    for number, one in enumerate(orders(days=56)):
        answer = json.loads(one.response_text) | {f"extra_{number // 140}": "x"}
        made.append(changed(one, response_text=json.dumps(answer)))
    found = the_profile(made).narrowness
    assert found.schema_changes.value == pytest.approx(7 / 56 * DAYS_A_QUARTER, rel=1e-3)
    assert len([one for one in found.changes if "appeared" in one]) == 7
    assert found.schema_changes.low > 1  # more than the one in a quarter that counts as stable


def test_a_prompt_that_is_replaced_is_one_change():
    made = [
        changed(one, request=prompted(one, f"{PROMPT} Use null where the message does not say."))
        if number >= 300
        else one
        for number, one in enumerate(orders())
    ]
    found = the_profile(made).narrowness
    assert len(found.prompts) == 2
    assert found.prompt_changes.value == pytest.approx(1 / 30 * DAYS_A_QUARTER, rel=1e-2)
    assert sorted(line.partition(": ")[0] for line in found.changes) == ["2026-09-15", "2026-09-16"]


def test_two_prompts_side_by_side_are_no_change():
    made = [
        changed(one, request=prompted(one, f"{PROMPT} Use null where the message does not say."))
        if number % 2
        else one
        for number, one in enumerate(orders())
    ]
    found = the_profile(made).narrowness
    assert len(found.prompts) == 2
    assert found.changes == ()


def prompted(one, prompt):
    system, *others = one.request["messages"]
    return one.request | {"messages": [system | {"content": prompt}, *others]}


def test_two_schemas_in_one_task_are_said():
    made = [
        changed(one, response_text=json.dumps({"summary": "s", "owner": "o"})) if number % 2 else one
        for number, one in enumerate(orders())
    ]
    found = the_profile(made).narrowness
    assert holds(found.one_form, 0.5)
    assert found.schema_changes.value == 0  # both were there all the time


def test_new_labels_are_counted_in_a_thousand_answers():
    made = [
        changed(one, response_text=f"desk {number // 100}") if number >= 400 and number % 4 == 0 else one
        for number, one in enumerate(tickets(days=40))
    ]
    found = the_profile(made).narrowness
    assert found.answers == "labels"
    assert holds(found.new_values, 4 / 0.4)  # desk 4 to desk 7, in the later 400 answers


def test_new_values_of_a_closed_field_are_counted_too():
    made = []
    for number, one in enumerate(orders(days=40)):
        kind = "urgent" if number >= 600 else ("new", "repeat")[number % 2]
        made.append(changed(one, response_text=json.dumps(json.loads(one.response_text) | {"kind": kind})))
    assert holds(the_profile(made).narrowness.new_values, 1 / 0.4)


def test_what_stands_in_the_document_is_extractive(plain):
    assert plain.narrowness.extractive.value == 1
    assert set(plain.narrowness.extractive_by_field) == {"customer", "article", "quantity"}


def test_what_does_not_stand_in_it_is_not():
    made = []
    for number, one in enumerate(orders()):
        answer = json.loads(one.response_text) | {"reference": f"R{number * 7919 % 100_003:06}"}
        made.append(changed(one, response_text=json.dumps(answer)))
    found = the_profile(made).narrowness
    assert found.extractive.value == pytest.approx(0.75)
    assert found.extractive_by_field["reference"].value == 0
    assert found.extractive_by_field["article"].value == 1


# Data


def test_usable_inputs_are_counted_once():
    made = orders(days=10)
    made += [changed(one, call_id=f"again-{one.call_id}") for one in made[:50]]
    made += [changed(made[0], call_id="failed", outcome="error", response_text="")]
    made += [changed(made[1], call_id="cut", finish_reason="length", response_text='{"customer": "A')]
    found = the_profile(made)
    assert found.data.inputs == 200
    assert found.traffic.calls == 252
    assert found.traffic.errors == 1


def test_corrections_are_a_share_of_the_answers_that_people_looked_at():
    made = orders(days=10)

    def feedback(database):
        for number, one in enumerate(made[:40]):
            kind, value = ("correction", '{"customer": "Ann"}') if number < 10 else ("rating", "up")
            add_feedback(database, one.call_id, kind, value)

    found = the_profile(made, before=feedback).data
    assert holds(found.corrections, 0.25)
    assert found.corrections.n == 40
    assert found.corrected_inputs == 10
    assert "people choose" in found.corrections.note


def test_a_teacher_that_disagrees_with_itself_is_measured():
    made = tickets(days=10)
    again = [
        changed(
            one,
            call_id=f"again-{one.call_id}",
            response_text="technical" if number % 5 == 0 else one.response_text,
        )
        for number, one in enumerate(made[::3])  # all billing
    ]
    found = the_profile(made + again).data
    assert found.disagreement.n == len(again)
    assert holds(found.disagreement, 0.2)
    assert holds(found.contradictions, 0.2)


def test_labels_are_counted_by_input():
    found = the_profile(tickets(days=10)).data
    assert found.labels == {"billing": 67, "shipping": 66, "technical": 67}


# What a cache would save, and what is constant


def test_forty_percent_exact_repeats_are_the_floor_of_a_cache():
    made = orders(days=30)
    repeats = [
        changed(made[number % 360], call_id=one.call_id, started_at=one.started_at) if number >= 360 else one
        for number, one in enumerate(made)
    ]
    found = the_profile(repeats).repetition
    assert holds(found.exact, 0.4)
    assert found.exact.value == pytest.approx(0.4)
    assert found.near.value == pytest.approx(0.4)
    assert found.same_answer.value == 1
    # 220 of the repeats are on the 29 days that are complete
    assert found.exact_usd_per_month.value == pytest.approx(220 / 29 * DAYS_A_MONTH * 0.002)


def test_near_repeats_are_its_ceiling():
    made = orders(days=30)
    for number in range(400, 600):
        sent = made[number - 400].request["messages"][1]["content"]
        messages = [
            made[number].request["messages"][0],
            {"role": "user", "content": sent.replace("pieces", "parts")},
        ]
        answer = made[number - 400].response_text if number % 2 else made[number].response_text
        made[number] = changed(
            made[number], request=made[number].request | {"messages": messages}, response_text=answer
        )
    found = the_profile(made).repetition
    assert found.exact.value == 0
    assert found.near.value == pytest.approx(1 / 3)
    assert holds(found.same_answer, 0.5)


def test_a_repeat_of_a_failed_call_is_no_repeat():
    made = orders(days=8)
    failed = [changed(one, outcome="error", response_text="") for one in made]
    later = [changed(one, call_id=f"later-{one.call_id}") for one in failed]
    assert the_profile(failed + later).repetition.exact.value == 0


def test_the_constant_part_of_the_prompt_is_priced():
    rules = " ".join(
        f"Rule {number}: keep to the facts of the message, and add nothing." for number in range(40)
    )
    made = [changed(one, request=prompted(one, f"{PROMPT} {rules}")) for one in orders(days=8, wobble=3)]
    made = [changed(one, usage=Usage(input_tokens=3000, cached_tokens=0, output_tokens=30)) for one in made]
    profile = the_profile(made)
    found = profile.constant
    characters = [sum(len(one["content"]) for one in call.request["messages"]) for call in made]
    fixed = len(f"{PROMPT} {rules}") * len(made)
    assert found.share.value == pytest.approx(fixed / sum(characters), rel=0.01)
    assert found.tokens.value == pytest.approx(3000 * found.share.value)
    # gpt-4o-mini: 0.15 dollars for a million input tokens, half of it from the cache
    a_month = profile.traffic.per_month.value * found.tokens.value / 1e6
    assert found.trimming_usd_per_month.value == pytest.approx(0.15 * a_month, rel=0.01)
    assert found.caching_usd_per_month.value == pytest.approx(0.075 * a_month, rel=0.01)
    assert found.caching_usd_per_month.low < found.caching_usd_per_month.high


def test_a_short_beginning_is_not_cached_by_a_provider(plain):
    assert plain.constant.tokens.value < 1024
    assert plain.constant.caching_usd_per_month.value == 0
    assert "1,024" in plain.constant.caching_usd_per_month.note


# Privacy


def with_addresses(made, every):
    for number, one in enumerate(made):
        if number % every == 0:
            system, user = one.request["messages"]
            said = f"{user['content']} Write to anna.{number}@example.com."
            answer = json.loads(one.response_text) | {"mail": f"anna.{number}@example.com"}
            one = changed(
                one,
                request=one.request | {"messages": [system, user | {"content": said}]},
                response_text=json.dumps(answer),
            )
        yield one


def test_a_task_with_much_personal_data_is_proposed_as_local_only():
    found = the_profile(list(with_addresses(orders(), 2))).privacy
    assert holds(found.calls, 0.5)
    assert holds(found.by_kind["email"], 0.5)
    assert holds(found.by_field["document"], 0.5)
    assert found.by_field["mail"].value == 1
    assert found.by_field["quantity"].value == 0
    assert found.proposed == "local-only"
    assert "personal data or secrets" in found.reason


def test_a_task_without_is_not(plain):
    assert plain.privacy.proposed == "cloud-allowed"
    assert plain.privacy.calls.high < 0.1


def test_what_was_redacted_before_counts_as_what_it_was():
    made = [
        changed(
            one, request=json.loads(json.dumps(one.request).replace(" pieces", " [email:kfbhnqdt] pieces"))
        )
        for one in orders()
    ]
    found = the_profile(made).privacy
    assert found.calls.value == 1
    assert found.by_kind["email"].value == 1


def test_it_is_said_what_leaves_the_machine_under_each_option():
    found = the_profile(list(with_addresses(orders(wobble=3), 2)))
    leaves = {one.option: one for one in found.privacy.leaves}
    assert leaves["keep the cloud"].calls_per_month == found.traffic.per_month
    assert holds(leaves["keep the cloud"].sensitive_calls_per_month, 0.5 * 20 * DAYS_A_MONTH)
    assert leaves["fine-tune"].calls_per_month.value == 0
    assert leaves["classical"].what == "nothing"
    assert not leaves["cascade"].calls_per_month.measured


# Latency


def test_latency_is_compared_with_the_need(plain):
    assert holds(plain.waiting.p50_s, 0.99)
    assert holds(plain.waiting.p95_s, 1.44)
    assert not plain.waiting.within_need.measured
    found = the_profile(orders(), need_s={"orders": 1.0}).waiting
    assert found.need_s == 1.0
    assert found.within_need.value == pytest.approx(0.51)


# Rungs without a language model


def test_the_classical_rungs_are_cross_validated_beside_the_floor():
    found = the_profile(tickets(days=15), fit=first_look)
    floor, ngrams = found.rungs
    assert (floor.name, ngrams.name) == ("floor", "labels-ngrams")
    assert floor.quality.high < ngrams.quality.low
    assert ngrams.quality.value > 0.95
    assert ngrams.rows == 300
    assert ngrams.judged_by == "cloud answers"
    assert "300 of 300" in found.rungs_note


def test_fields_are_extracted_by_the_span_ranking():
    found = the_profile(orders(a_day=4, days=12), fit=first_look)
    (rung,) = found.rungs
    assert rung.metric == "field_accuracy"
    assert rung.quality.n == 48
    assert rung.quality.value > 0.8


def test_rungs_stop_when_their_time_is_spent():
    found = the_profile(tickets(days=8), fit=first_look, rung_seconds=0.0)
    assert found.rungs == ()
    assert "were spent" in found.rungs_note


# Every task of a log


@pytest.fixture(scope="module")
def mixed():
    """A log of many tasks, one of which its calls name, and the calls."""
    made = [
        changed(
            one, task="billing" if known == "invoice" else "", cost_usd=None if n % 50 == 0 else one.cost_usd
        )
        for n, (known, one) in enumerate(mixed_calls(3000, seed=5))
    ]
    made += [changed(made[0], call_id=f"arm-{n}", source="arm", task="billing") for n in range(5)]
    made += [changed(made[0], call_id=f"sim-{n}", simulated=True) for n in range(7)]
    made += [changed(made[0], call_id=f"vec-{n}", endpoint="embeddings") for n in range(3)]
    return made, profiled(made)


def test_every_call_and_every_cent_is_counted_once(mixed):
    made, found = mixed
    in_profiles = sum(one.traffic.calls for one in found.profiles)
    assert found.calls == 3000
    assert in_profiles + found.scattered + found.without_text == found.calls
    assert found.passed_over == {"asked for an evaluation": 5, "simulated": 7, "writes no text": 3}
    priced = sum(one.cost_usd for one in made[:3000] if one.cost_usd is not None)
    assert found.usd == priced
    assert sum(one.spending.usd or 0 for one in found.profiles) <= priced
    for one in found.profiles:
        traffic = one.traffic
        assert traffic.calls == traffic.answered + traffic.errors + traffic.broken_off
        assert sum(traffic.models.values()) == traffic.calls
        missing = sum(one.spending.unpriced.values())
        assert (one.spending.usd or 0) == Decimal("0.001") * (traffic.calls - missing)


def test_named_and_found_tasks_have_a_profile_each(mixed):
    _, found = mixed
    assert [one.task for one in found.profiles if one.tagged] == ["billing"]
    assert len({one.task for one in found.profiles}) == len(found.profiles)
    by_cost = [one.spending.usd or 0 for one in found.profiles]
    assert by_cost == sorted(by_cost, reverse=True)
    forms = Counter(one.narrowness.answers for one in found.profiles)
    assert min(forms["json"], forms["labels"], forms["text"]) >= 3


def test_the_rules_of_the_project_name_its_tasks(tmp_path):
    path = tmp_path / "insource.db"
    stored(path, [changed(one, task="") for one in orders(days=8)])
    with open_database(path) as database:
        candidates = [one.model_copy(update={"name": "parts"}) for one in survey(database).candidates]
        made = find_calls(database)
    (found,) = profiled(made, rules=Rules().with_candidates(candidates)).profiles
    assert (found.task, found.tagged) == ("parts", False)


def test_a_found_task_is_not_taken_for_one_that_calls_name():
    untagged = [changed(one, task="", call_id=f"u{one.call_id}") for one in orders(days=8, seed=1)]
    named = profiled(untagged).profiles[0].task
    made = [changed(one, task=named) for one in tickets(days=8)]
    names = {one.task: one.tagged for one in profiled(made + untagged).profiles}
    assert names[named]
    assert len(names) == 2


def test_the_same_log_gives_the_same_profiles(plain):
    assert the_profile(orders()) == plain


def test_samples_are_bounded(monkeypatch):
    monkeypatch.setattr(samples, "INPUTS", 40)
    found = the_profile(tickets(days=8), fit=first_look)
    assert found.data.inputs == 160
    assert found.rungs[0].rows == 40
    assert "of 40 sampled" in found.rungs_note


def test_only_calls_since_a_moment_are_read():
    made = tickets(days=20)
    found = profiled(made, since=made[200].started_at)
    assert found.calls == 200
    assert DESK in found.profiles[0].narrowness.prompts[0].template


REAL = os.environ.get("INSOURCE_API_LOGS", "")
recorded = pytest.mark.skipif(not REAL, reason="INSOURCE_API_LOGS names no folder of recorded exchanges")


@recorded
def test_a_real_spam_filter_is_profiled():
    """Fine-tune data of a published spam filter, as calls: what it says is known without a model."""
    rows = (Path(REAL) / "openai_finetune_chat_spam.jsonl").read_text(encoding="utf-8").splitlines()
    made = []
    for number, line in enumerate(rows):
        *asked, answer = json.loads(line)["messages"]
        made.append(call(number, "", answer["content"], a_day=60, task="", request={"messages": asked}))
    (found,) = profiled(made, fit=first_look).profiles
    assert found.traffic.calls == len(rows)
    assert found.narrowness.in_three_prompts.value > 0.99
    assert found.rungs, found.rungs_note
    assert max(rung.quality.value for rung in found.rungs) > 0.8


@recorded
def test_real_exchanges_of_every_provider_are_counted():
    made = []
    for path in sorted(Path(REAL).glob("*_cassettes.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            made.append(
                call(
                    len(made),
                    "",
                    row.get("output") or "",
                    task=row["host"],
                    model_answered=str(row.get("model") or "unknown"),
                    request=row["request"] if isinstance(row["request"], dict) else {},
                    response=row["response"] if isinstance(row["response"], dict) else None,
                    outcome="ok" if row["status"] == 200 else "error",
                )
            )
    found = profiled(made)
    assert sum(one.traffic.calls for one in found.profiles) == found.calls == len(made) > 500
    assert sum(one.spending.usd for one in found.profiles) == Decimal("0.002") * len(made)
