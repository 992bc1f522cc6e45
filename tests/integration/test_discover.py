"""Discovery on a store with known tasks, and `insource logs discover` as a person runs it."""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from support.clustering import adjusted_rand_index, completeness, homogeneity
from support.prompt_log import DAYS, NARROW, START, TASKS, calls

from insource.logs.discovery import Rules, TaskFinder, assignments, discover, load_rules, survey
from insource.logs.discovery.prompts import read_prompt
from insource.logs.discovery.survey import DAYS_A_MONTH
from insource.logs.recorder import STORE_FILE, Recorder
from insource.store.calls.calls import find_calls, insert_calls
from insource.store.calls.retag import retag
from insource.store.calls.rollups import rebuild_rollups, stored_rollups
from insource.store.database import open_database
from insource.types import Call

COUNT = 4000
REAL = os.environ.get("INSOURCE_API_LOGS", "")


def store(path, made):
    with open_database(path) as database, database.write() as connection:
        insert_calls(connection, made)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A store of ``COUNT`` untagged calls, the known task by call id, and what the survey found."""
    path = tmp_path_factory.mktemp("log") / STORE_FILE
    made = list(calls(COUNT, seed=7))
    store(path, [call for _, call in made])
    with open_database(path) as database:
        found = survey(database)
        every = [one.model_copy(update={"verdict": "narrow"}) for one in found.candidates]
        groups = dict(assignments(database, Rules().with_candidates(every)))
    return {call.call_id: task for task, call in made}, found, groups


@pytest.fixture(scope="module")
def by_task(log):
    """The candidate that most calls of a known task are in."""
    known, found, groups = log
    candidates = {one.name: one for one in found.candidates}
    members = {task: Counter(groups.get(one) for one, of in known.items() if of == task) for task in NARROW}
    return {task: candidates[counted.most_common(1)[0][0]] for task, counted in members.items()}


def test_the_groups_are_the_known_tasks(log):
    known, _, groups = log
    truth = [task or "noise" for task in known.values()]
    found = [groups.get(call_id, "none") for call_id in known]
    assert adjusted_rand_index(truth, found) >= 0.95
    assert homogeneity(truth, found) >= 0.99
    assert completeness(truth, found) >= 0.95


def test_the_agreement_is_computed_as_scikit_learn_does(log):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    known, _, groups = log
    truth, found = list(known.values()), [groups.get(call_id, "none") for call_id in known]
    assert adjusted_rand_index(truth, found) == pytest.approx(metrics.adjusted_rand_score(truth, found))
    assert homogeneity(truth, found) == pytest.approx(metrics.homogeneity_score(truth, found))
    assert completeness(truth, found) == pytest.approx(metrics.completeness_score(truth, found))


def test_every_call_is_somewhere_and_every_count_is_right(log):
    known, found, groups = log
    assert found.calls == COUNT == len(known)
    assert found.unreadable == 0
    assert sum(one.calls for one in found.candidates) + found.scattered == COUNT
    assert {one.name: one.calls for one in found.candidates} == Counter(groups.values())
    for one in found.candidates:
        assert sum(version.calls for version in one.versions) == one.calls == sum(one.models.values())
        assert set(one.call_ids) <= {call_id for call_id, name in groups.items() if name == one.name}


def test_each_narrow_task_is_a_candidate_of_its_own(by_task):
    assert len({one.name for one in by_task.values()}) == len(NARROW)


def test_what_is_insourceable_comes_first_and_says_why(by_task, log):
    for task in ("invoice", "order", "sentiment", "topic", "entities", "routing", "german", "responses"):
        candidate = by_task[task]
        assert candidate.verdict == "narrow", task
        assert candidate.fit == sum(signal.points for signal in candidate.signals) >= 7
        assert all(signal.reason and signal.points <= signal.of for signal in candidate.signals)
    assert "3 labels" in by_task["sentiment"].signals[0].reason
    assert "same 3 keys" in by_task["invoice"].signals[0].reason
    verdicts = [one.verdict for one in log[1].candidates]
    assert verdicts == sorted(verdicts, key=["narrow", "perhaps", "not narrow"].index)


def test_chats_and_agents_are_recognised_and_rank_low(log):
    _, found, _ = log
    chats = [one for one in found.candidates if "Robin" in one.template]
    agents = [one for one in found.candidates if "research agent" in one.template]
    assert len(chats) == len(agents) == 1
    assert "conversations of several turns" in chats[0].obstacles[0]
    assert "tools" in " ".join(agents[0].obstacles)
    assert {chats[0].verdict, agents[0].verdict} == {"not narrow"}


def test_few_shot_turns_are_no_conversation(by_task):
    assert by_task["routing"].obstacles == ()


def test_versions_of_a_prompt_are_one_task(by_task):
    templates = [str(version.template) for version in by_task["invoice"].versions]
    assert len(templates) == 2
    assert sum("accounting team" in template for template in templates) == 1
    assert sum("voucher" in str(version.template) for version in by_task["reply"].versions) >= 1


def test_a_shared_system_prompt_does_not_make_one_task(by_task):
    schemas = {
        task: by_task[task].versions[0].template.schema_keys for task in ("ticket_priority", "ticket_product")
    }
    assert schemas == {"ticket_priority": "priority,reason", "ticket_product": "product,serial"}
    assert by_task["teaser"].name != by_task["minutes"].name
    assert by_task["spam"].name != by_task["urgent"].name


def test_slots_are_shown_and_documents_are_not(by_task):
    assert (
        by_task["headline"].template == "⟨…⟩ --- Write a headline of at most ten words for the article above."
    )
    assert (
        by_task["japanese"].template.endswith("答えてください。文章：⟨…⟩")
        or "文章： ⟨…⟩" in by_task["japanese"].template
    )


def test_repeated_documents_are_noted(by_task):
    assert "repeat an earlier input" in " ".join(by_task["responses"].notes)
    assert by_task["responses"].distinct_inputs < by_task["responses"].calls
    assert by_task["sentiment"].notes == ()


def test_the_monthly_cost_is_the_known_cost_over_the_span(by_task, log):
    _, found, _ = log
    one = by_task["invoice"]
    assert one.cost_usd == Decimal("0.001") * one.calls
    assert one.unpriced == 0
    assert found.days == pytest.approx(DAYS, rel=1e-3)
    assert one.monthly_cost_usd == one.cost_usd * (DAYS_A_MONTH / Decimal(found.days))
    unknown = by_task["anthropic_tool"]
    assert (unknown.cost_usd, unknown.monthly_cost_usd, unknown.unpriced) == (None, None, unknown.calls)


def test_the_same_log_gives_the_same_answer(tmp_path):
    store(tmp_path / STORE_FILE, [call for _, call in calls(1000, seed=7)])
    with open_database(tmp_path / STORE_FILE) as database:
        assert survey(database) == survey(database)


def test_since_and_a_short_span(tmp_path):
    store(tmp_path / STORE_FILE, [call for _, call in calls(600, seed=1)])
    with open_database(tmp_path / STORE_FILE) as database:
        late = START + timedelta(days=DAYS - 0.9)
        found = survey(database, since=late, min_calls=2)
        assert found.calls == sum(call.started_at >= late for _, call in calls(600, seed=1))
        assert all(one.monthly_cost_usd is None for one in found.candidates)
        assert all(one.calls >= 2 for one in discover(database, min_calls=2))


def test_what_has_no_text_is_counted_and_what_is_tagged_is_left_alone(tmp_path):
    mine = [call for _, call in calls(200, seed=2)]
    hidden = [
        call.model_copy(update={"call_id": f"h{n}", "request": {"model": "big"}})
        for n, call in enumerate(mine[:30])
    ]
    tagged = [call.model_copy(update={"call_id": f"t{n}", "task": "known"}) for n, call in enumerate(mine)]
    vectors = [
        call.model_copy(update={"call_id": f"e{n}", "endpoint": "embeddings"}) for n, call in enumerate(mine)
    ]
    store(tmp_path / STORE_FILE, [*mine, *hidden, *tagged, *vectors])
    with open_database(tmp_path / STORE_FILE) as database:
        found = survey(database)
    assert (found.calls, found.unreadable) == (230, 30)
    assert sum(one.calls for one in found.candidates) + found.scattered + 30 == 230


def test_retagging_moves_calls_between_rollups_and_keeps_given_tasks(tmp_path):
    mine = [call for _, call in calls(300, seed=3)]
    given = mine[0].model_copy(update={"call_id": "given", "task": "given"})
    store(tmp_path / STORE_FILE, [*mine, given])
    wanted = [call.call_id for call in mine[:120]] + ["given", "nobody"]
    with open_database(tmp_path / STORE_FILE) as database:
        assert retag(database, wanted, "specs") == 120
        assert retag(database, wanted, "other") == 0
        assert [call.task for call in find_calls(database, task="given")] == ["given"]
        assert {call.call_id for call in find_calls(database, task="specs")} == set(wanted[:120])
        with database.write() as connection:
            kept = {key: totals.sums for key, totals in stored_rollups(connection)}
            rebuild_rollups(connection)
            assert kept == {key: totals.sums for key, totals in stored_rollups(connection)}


@pytest.fixture
def project(tmp_path):
    store(tmp_path / ".insource" / STORE_FILE, [call for _, call in calls(1200, seed=4)])
    return tmp_path


def test_the_command_applies_what_it_shows(project, insource):
    before = json.loads(insource("logs", "discover", "--json", "-n", "50").stdout)
    assert before["tagged"] is None
    names = {one["name"]: one["calls"] for one in before["candidates"] if one["verdict"] != "not narrow"}
    assert len(names) >= 8
    done = json.loads(insource("logs", "discover", "--apply", "--json", "-n", "50").stdout)
    assert done["tagged"] == names

    rules = project / ".insource" / "tasks.toml"
    assert rules.stat().st_mode & 0o777 == 0o600
    with open_database(project / ".insource" / STORE_FILE) as database:
        assert Counter(call.task for call in find_calls(database) if call.task) == names
        some = find_calls(database, task=next(iter(names)))[0]
    assert TaskFinder(load_rules(rules)).task(read_prompt(some.request)) == some.task

    again = json.loads(insource("logs", "discover", "--apply", "--json", "-n", "50").stdout)
    assert again["calls"] == 1200 - sum(names.values())
    assert not {one["name"] for one in again["candidates"] if one["verdict"] != "not narrow"} & set(names)


def test_a_task_renamed_in_the_rules_keeps_its_new_name(project, insource):
    insource("logs", "discover", "--apply")
    rules = project / ".insource" / "tasks.toml"
    old = tomllib.loads(rules.read_text())["rule"][0]["task"]
    rules.write_text(rules.read_text().replace(f'task = "{old}"', 'task = "my-own-name"'))
    copy_of_the_log(project)
    done = json.loads(insource("logs", "discover", "--apply", "--json").stdout)
    assert done["tagged"]["my-own-name"] > 50
    assert old not in done["tagged"]


def copy_of_the_log(project):
    later = [
        call.model_copy(update={"call_id": f"later-{n}", "started_at": datetime(2026, 11, 20, tzinfo=UTC)})
        for n, (_, call) in enumerate(calls(1200, seed=4))
    ]
    store(project / ".insource" / STORE_FILE, later)


def test_two_tasks_given_one_name_are_one(project, insource):
    insource("logs", "discover", "--apply")
    rules = project / ".insource" / "tasks.toml"
    text = rules.read_text()
    for word in ("spam", "urgent"):
        (task,) = {
            rule["task"] for rule in tomllib.loads(text)["rule"] if f"message {word}?" in rule["segments"][0]
        }
        text = text.replace(f'task = "{task}"', 'task = "triage"')
    rules.write_text(text)
    copy_of_the_log(project)
    found = json.loads(insource("logs", "discover", "--json", "-n", "50").stdout)
    (triage,) = [one for one in found["candidates"] if one["name"] == "triage"]
    assert {"spam", "urgent"} == {
        word for word in ("spam", "urgent") for v in triage["versions"] if word in str(v)
    }


def test_the_report_for_people(project, insource):
    done = insource("logs", "discover", "--limit", "3")
    assert done.returncode == 0
    assert "1,200 calls without a task over 30.0 days" in done.stdout
    assert "narrow, fit " in done.stdout
    assert "a month at this rate" in done.stdout
    assert "more groups: --limit shows them" in done.stdout
    assert "insource logs discover --apply" in done.stdout
    assert done.stdout.count("⟨…⟩") >= 3


def test_where_no_task_is_found_none_is_kept_and_it_says_so(tmp_path, insource):
    with Recorder.open(tmp_path / ".insource") as recorder:
        recorder.begin({"messages": [{"role": "user", "content": "hello"}]}, model_asked="m").end()
    done = insource("logs", "discover", "--apply")
    assert "No task was written" in done.stdout
    assert "tasks.toml" not in done.stdout
    assert not (tmp_path / ".insource" / "tasks.toml").exists()


@pytest.mark.skipif(not REAL, reason="INSOURCE_API_LOGS names no folder of recorded exchanges")
def test_real_exchanges_of_test_suites_hold_no_narrow_task(tmp_path, insource):
    """Everything that is on record in the folder; toy prompts of test suites are nothing to insource."""
    made = []
    for path in sorted(Path(REAL).glob("*_cassettes.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            made.append(
                Call(
                    call_id=row["id"],
                    started_at=START + timedelta(minutes=len(made)),
                    model_asked=str(row.get("model") or "unknown"),
                    request=row["request"] if isinstance(row["request"], dict) else {},
                    response=row["response"] if isinstance(row["response"], dict) else None,
                    response_text=row.get("output") or "",
                    outcome="ok" if row["status"] == 200 else "error",
                )
            )
    assert len(made) > 500
    store(tmp_path / ".insource" / STORE_FILE, made)
    done = insource("logs", "discover")
    assert done.returncode == 0
    assert "No narrow task was found." in done.stdout


@pytest.mark.skipif(not REAL, reason="INSOURCE_API_LOGS names no folder of recorded exchanges")
def test_a_real_spam_filter_is_found(tmp_path):
    """Fine-tune data of a published spam filter: one instruction, one key, as many texts as rows."""
    rows = (Path(REAL) / "openai_finetune_chat_spam.jsonl").read_text(encoding="utf-8").splitlines()
    made = []
    for number, line in enumerate(rows):
        *asked, answer = json.loads(line)["messages"]
        moment = START + timedelta(minutes=number)
        request = {"messages": asked}
        made.append(
            Call(
                call_id=f"{number}",
                started_at=moment,
                model_asked="m",
                request=request,
                response_text=answer["content"],
            )
        )
    store(tmp_path / STORE_FILE, made)
    with open_database(tmp_path / STORE_FILE) as database:
        (found,) = discover(database)
    assert found.calls == len(made)
    assert found.verdict == "narrow"
    assert found.template.splitlines()[0] == "system: You are a spam filter."


def test_the_log_has_the_shapes_it_is_meant_to_have(log):
    seen = Counter(log[0].values())
    assert set(seen) == set(TASKS)
    assert min(seen.values()) >= 40


def test_calls_of_a_template_too_rare_to_report_count_for_the_wider_one(tmp_path):
    system = "You are the house assistant of a small museum. Keep to the facts."
    listed = "amber basalt cedar dune ember fjord grove heron iris juniper kelp larch moss"
    words = listed.split()
    made = []
    for number in range(68):
        said = " ".join(words[(number * 5 + place * (number + 2)) % 13] for place in range(14))
        told = f"Sum up this letter in one line: {said}" if number % 8 == 0 else said
        request = {"messages": [{"role": "system", "content": system}, {"role": "user", "content": told}]}
        moment = START + timedelta(hours=number)
        made.append(
            Call(call_id=f"{number}", started_at=moment, model_asked="m", request=request, response_text=said)
        )
    store(tmp_path / STORE_FILE, made)
    with open_database(tmp_path / STORE_FILE) as database:
        fine, coarse = survey(database, min_calls=5), survey(database, min_calls=20)
    assert sorted(one.calls for one in fine.candidates) == [9, 59]
    assert [one.calls for one in coarse.candidates] == [68]
    assert coarse.scattered == 0
