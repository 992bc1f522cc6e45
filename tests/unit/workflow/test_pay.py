"""Paid arms over real HTTP on loopback: key, estimate, yes, cap, and no document asked twice."""

from decimal import Decimal

import pytest
from support.arms import dataset_of, made_of
from support.scripted_provider import ScriptedProvider
from support.walks import FakeDisplay, session_on

from insource.arms import floor
from insource.arms.paid import cloud_schema, hosted_decision
from insource.foundation.errors import ConfigError
from insource.foundation.files import locked
from insource.logs.paid import ARM_SOURCE, ARM_TAG, ESTIMATE_TAG, spent_usd
from insource.logs.recorder import STORE_FILE
from insource.models.transport import ATTEMPTS
from insource.store.calls.calls import find_calls
from insource.store.database import open_database
from insource.workflow.choose import choose, fit_early
from insource.workflow.evaluate import evaluate_arms, inputs_of
from insource.workflow.pay import LOCK_FILE

ARMS = (cloud_schema.SCHEMA_FACTORY, cloud_schema.TIER_FACTORY, hosted_decision.FACTORY)
BIG, DECIDER = "openai/big + schema", "openai/decider decisions"
TASK = "[task]\nname = 'tickets'\n"
PRICE = "[prices.models.big]\ninput = 1.0\noutput = 1.0\n[prices.models.decider]\ninput = 1.0\noutput = 0\n"
USAGE = {"prompt_tokens": 900, "completion_tokens": 100}  # a tenth of a cent
COST = Decimal("0.001")


def label_of(asked):
    """The right label of a ticket, from its words: the first of the labels that the text mentions."""
    text = asked["messages"][-1]["content"] if "messages" in asked else asked["input"]
    return next((label for label in ("billing", "delivery", "technical") if label in text), "billing")


def chat(asked):
    content = f'{{"label": "{label_of(asked)}"}}' if "response_format" in asked else label_of(asked)
    return {
        "model": asked["model"],
        "choices": [{"message": {"content": content}, "finish_reason": "stop"}],
        "usage": USAGE,
    }


def decide(asked):
    sure = [{"value": label_of(asked), "probability": 0.7}, {"value": "other", "probability": 0.3}]
    answer = {"type": "choice", "name": "label", "choice": label_of(asked), "probabilities": sure}
    return {"model": "decider", "answers": [answer], "usage": {"input_tokens": 1000, "output_tokens": 4}}


def reference(provider, more="", *, schema=True, key="PAID_KEY"):
    return (
        f"{TASK}[reference]\nmodel = 'openai/big'\nbase_url = '{provider.url}'\napi_key_env = '{key}'\n"
        f"with_schema = {str(schema).lower()}\n{more}\n"
    )


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("PAID_KEY", "secret")
    monkeypatch.setattr("insource.models.transport.time.sleep", lambda seconds: None)


@pytest.fixture
def walk(project, rows, label_task, tmp_path):
    """Evaluate the paid arms as configured; a second call is a second walk on the same project."""
    examples = rows.examples(rows.tickets(12))
    dataset = dataset_of(examples[:2], examples[2:], label_task)

    def run(config, *, answer=True):
        folder = project(config=config)
        session = session_on(folder, display := FakeDisplay(answer))
        found = evaluate_arms(session, dataset, label_task, made_of(label_task, tmp_path, examples), ARMS)
        return {one.evaluation.arm.name: one for one in found}, session, display

    run.dataset, run.task = dataset, label_task
    return run


def calls_of(session):
    with open_database(session.project.workspace / STORE_FILE) as database:
        return find_calls(database)


def test_the_cloud_is_asked_again_with_the_labels_as_its_schema(walk):
    with ScriptedProvider((200, chat)) as provider:
        found, session, display = walk(reference(provider) + PRICE)
    evaluated = found[BIG]
    assert len(provider.seen) == 10
    held = provider.seen[0][2]["response_format"]["json_schema"]
    assert held["strict"]
    assert held["schema"]["properties"]["label"]["enum"] == list(walk.task.output.names)
    assert {one.completion.text for one in evaluated.records} <= set(walk.task.output.names)
    assert (evaluated.evaluation.arm.role, evaluated.evaluation.arm.local) == ("candidate", False)
    assert evaluated.evaluation.arm.cost_per_1000_usd == pytest.approx(1.0)
    assert "mean of 10 logged calls" in evaluated.evaluation.arm.cost_basis
    (question,) = display.questions
    assert question.startswith(
        "Asking openai/big + schema about 10 test and validation documents (at most $5.00 more for paid"
    )
    assert "costs about $" in question
    calls = calls_of(session)
    assert len(calls) == 10
    assert {call.tags[ARM_TAG] for call in calls} == {BIG}
    assert {call.cost_usd for call in calls} == {COST}


def test_a_second_walk_asks_and_pays_nothing(walk):
    with ScriptedProvider((200, chat)) as provider:
        first, _, _ = walk(reference(provider) + PRICE)
        second, _, display = walk(reference(provider) + PRICE)
    assert len(provider.seen) == 10
    assert display.questions == []
    assert second[BIG].run.run_id == first[BIG].run.run_id


def test_without_a_key_nothing_is_sent_and_the_reason_is_given(walk, monkeypatch):
    monkeypatch.delenv("PAID_KEY")
    with ScriptedProvider((200, chat)) as provider:
        found, session, display = walk(reference(provider) + PRICE)
    assert (found, provider.seen, display.questions) == ({}, [], [])
    assert session.skipped_arms[BIG] == (
        "not measured: $PAID_KEY is not set, and asking openai/big needs a key"
    )


def test_answers_that_were_bought_need_no_key(walk, monkeypatch):
    with ScriptedProvider((200, chat)) as provider:
        walk(reference(provider) + PRICE)
        monkeypatch.delenv("PAID_KEY")
        found, _, _ = walk(reference(provider) + PRICE)
    assert found[BIG].evaluation.n == 10


def test_a_no_sends_nothing_and_is_not_asked_again(walk, project):
    with ScriptedProvider((200, chat)) as provider:
        _, session, display = walk(reference(provider) + PRICE, answer=False)
        assert session.skipped_arms[BIG] == "not measured: Nothing was sent: spending money needs a yes."
        inputs = inputs_of(session, walk.dataset, walk.task, made_of(walk.task, project(), ()))
        (plan,) = cloud_schema.SCHEMA_FACTORY.make(inputs)
        assert plan.ready().examples == ()
    assert len(display.questions) == 1
    assert provider.seen == []


@pytest.fixture
def loop(project, rows, label_task, tmp_path):
    """Walk fit_early, choose and evaluate_arms as the loop does, with validation documents."""
    examples = rows.examples(rows.tickets(30))
    dataset = dataset_of(examples[:2], examples[2:12], label_task)
    dataset = dataset.model_copy(update={"splits": dataset.splits | {"validation": examples[12:]}})
    arms = (floor.FACTORY, *ARMS)

    def run(config, *, answer=True):
        session = session_on(project(config=config), display := FakeDisplay(answer))
        fit_early(session, dataset, label_task, arms)
        asked_early = list(display.questions)
        made = made_of(label_task, tmp_path, examples)
        choice = choose(session, dataset, label_task, made, arms)
        found = evaluate_arms(session, dataset, label_task, made, arms, choice=choice)
        assert display.questions == asked_early  # nobody is asked for money hours later
        return choice, {one.evaluation.arm.name: one for one in found}, session, display

    return run


def test_one_question_before_the_training_is_about_both_splits(loop):
    with ScriptedProvider((200, chat)) as provider:
        choice, found, _, display = loop(reference(provider) + PRICE)
        assert len(provider.seen) == 28
        (question,) = display.questions
        assert question.startswith("Asking openai/big + schema about 28 test and validation documents")
        assert (choice.candidate, len(found[BIG].records)) == (BIG, 10)
        _, _, _, display = loop(reference(provider) + PRICE)
    assert (len(provider.seen), display.questions) == (28, [])


@pytest.mark.parametrize(
    ("more", "script", "measured", "reason"),
    [
        ("max_usd = 0.0205", [(200, chat)], 10, "the next one could exceed reference.max_usd"),
        ("", [*[(200, chat)] * 15, (401, "no credit")], 10, "401: no credit"),
        ("", [(401, "no credit")], 0, "401: no credit"),
    ],
    ids=["the cap", "an outage in between", "an outage from the start"],
)
def test_an_arm_without_all_its_answers_is_not_chosen(loop, more, script, measured, reason):
    with ScriptedProvider(*script) as provider:
        choice, found, session, _ = loop(reference(provider, more) + PRICE)
    assert choice is None
    assert (len(found[BIG].records) if measured else 0) == measured
    assert reason in session.skipped_arms[BIG]
    assert measured < len(provider.seen) <= 21  # what failed is not tried again in this session


def test_an_arm_without_all_its_test_answers_is_not_chosen_either(loop, monkeypatch):
    with ScriptedProvider((200, chat)) as provider:
        few = reference(provider) + PRICE + "[evaluation]\ntest_documents = 4\n"
        assert loop(few)[0].candidate == BIG
        monkeypatch.delenv("PAID_KEY")
        choice, found, session, _ = loop(reference(provider) + PRICE)
    assert choice is None
    assert len(found[BIG].records) == 4
    assert "cut: answered 4 of 10" in session.skipped_arms[BIG]


def test_what_a_provider_may_have_charged_for_counts_into_the_cap(walk):
    """A killed process, and answers that came too late, cost money that no answer shows."""
    with ScriptedProvider((200, chat)) as provider:
        _, session, _ = walk(reference(provider) + PRICE)
    ends = [
        {"outcome": "ok"},
        {"outcome": "interrupted"},
        {"outcome": "error", "error": "provider-timeout: too late"},
        {"outcome": "error", "error": "provider-bad-answer: <html>"},
        {"outcome": "error", "error": "document-refused: 400"},
        {"outcome": "error", "error": "provider-refused: 401"},
    ]
    with session.recorder() as recorder:
        for end in ends:
            start = {"model_asked": "openai/big", "task": "other", "source": ARM_SOURCE}
            tags = {ARM_TAG: BIG, ESTIMATE_TAG: "0.01"}
            recorder.begin({"messages": []}, tags=tags, **start).end(**end)
        recorder.flush()
        assert spent_usd(recorder.database, task="other") == Decimal("0.01") * (1 + 1 + ATTEMPTS + 1)


def test_two_commands_at_once_do_not_both_spend_what_is_left(walk):
    with ScriptedProvider((200, chat)) as provider:
        _, session, _ = walk(reference(provider, "max_usd = 0") + PRICE)
        with locked(session.project.workspace / LOCK_FILE):
            _, second, display = walk(reference(provider) + PRICE)
        assert (provider.seen, display.questions) == ([], [])
        assert "another command" in second.skipped_arms[BIG]
        whole, _, _ = walk(reference(provider) + PRICE)
    assert len(whole[BIG].records) == 10


def test_the_reference_is_not_asked_anew_unless_the_configuration_says_so(walk):
    with ScriptedProvider((200, chat)) as provider:
        silent = reference(provider).replace("with_schema = true\n", "") + PRICE
        found, session, display = walk(silent)
    assert (found, provider.seen, display.questions) == ({}, [], [])
    assert "set reference.with_schema = true" in session.skipped_arms["cloud + schema"]


def test_two_arms_of_one_name_are_refused(project):
    twice = "[[reference.also]]\nmodel = 'openai/small'\n" * 2
    with pytest.raises(ConfigError, match="insource") as caught:
        session_on(project(config=TASK + twice))
    assert any("name the same model twice" in line for line in caught.value.details)


def test_the_cap_stops_keeps_what_was_answered_and_says_so(walk):
    cap = "max_usd = 0.0045"
    with ScriptedProvider((200, chat)) as provider:
        found, session, _ = walk(reference(provider, cap) + PRICE)
        bought = len(provider.seen)
        assert 1 < bought < 10
        assert len(found[BIG].records) == bought
        note = session.skipped_arms[BIG]
        assert note == (
            f"cut: answered {bought} of 10 documents, and judged on those; "
            "the next one could exceed reference.max_usd"
        )
        with open_database(session.project.workspace / STORE_FILE) as database:
            assert spent_usd(database, task="tickets") == bought * COST <= Decimal("0.0045")
        again, session, _ = walk(reference(provider, cap) + PRICE)
        assert len(provider.seen) == bought  # the cap holds over all runs together
        assert len(again[BIG].records) == bought
        whole, _, _ = walk(reference(provider) + PRICE)
    assert len(provider.seen) == 10
    assert len(whole[BIG].records) == 10


def test_the_cap_is_shared_by_all_paid_arms(walk):
    more = (
        "max_usd = 0.0045\n[[reference.also]]\nmodel = 'openai/small'\nbase_url = '{0}'\n"
        "api_key_env = 'PAID_KEY'\ncost_per_1000_usd = 0.5\n"
    )
    with ScriptedProvider((200, chat)) as provider:
        _, session, _ = walk(reference(provider, more.format(provider.url)) + PRICE)
    small = [asked for _, _, asked in provider.seen if asked["model"] == "small"]
    big = [asked for _, _, asked in provider.seen if asked["model"] == "big"]
    assert len(big) * COST + len(small) * Decimal("0.0005") <= Decimal("0.0045")
    assert "max_usd" in session.skipped_arms["openai/small + schema"]


def test_nothing_is_asked_when_nothing_may_be_spent(walk):
    with ScriptedProvider((200, chat)) as provider:
        _, session, display = walk(reference(provider, "max_usd = 0") + PRICE)
    assert (provider.seen, display.questions) == ([], [])
    assert session.skipped_arms[BIG] == "not measured: reference.max_usd leaves $0.00 for paid arms"


def test_without_a_price_no_cap_could_hold(walk):
    with ScriptedProvider((200, chat)) as provider:
        _, session, display = walk(reference(provider))
        assert (provider.seen, display.questions) == ([], [])
        assert "no price of openai/big is known" in session.skipped_arms[BIG]
        found, _, _ = walk(reference(provider, "cost_per_1000_usd = 2.0\ncost_source = 'the invoice'"))
    arm = found[BIG].evaluation.arm
    assert (arm.cost_per_1000_usd, arm.cost_basis) == (2.0, "the invoice")


def test_an_outage_keeps_what_was_answered_and_the_next_walk_asks_the_rest(walk):
    with ScriptedProvider(*[(200, chat)] * 4, (401, "no credit")) as provider:
        found, session, _ = walk(reference(provider) + PRICE)
        assert len(found[BIG].records) == 4
        assert session.skipped_arms[BIG].startswith("cut: answered 4 of 10 documents, and judged on those; ")
        assert "401: no credit" in session.skipped_arms[BIG]
        provider.script[:] = [(200, chat)]
        provider.seen.clear()
        whole, _, _ = walk(reference(provider) + PRICE)
    assert len(provider.seen) == 6
    assert len(whole[BIG].records) == 10


def test_a_busy_provider_is_waited_for(walk):
    with ScriptedProvider((429, "slow", {"Retry-After": "2"}), (200, chat)) as provider:
        found, _, _ = walk(reference(provider) + PRICE)
    assert len(found[BIG].records) == 10
    assert len(provider.seen) == 11


def test_a_refused_document_is_a_failure_of_the_arm_and_is_not_asked_again(walk):
    script = [(200, chat), *[(400, "content policy")] * 7, (200, "<html>"), (200, chat)]
    with ScriptedProvider(*script) as provider:
        found, session, _ = walk(reference(provider) + PRICE)
        again, _, _ = walk(reference(provider) + PRICE)
    evaluation = found[BIG].evaluation
    assert (evaluation.n, evaluation.scored, evaluation.failed) == (10, 2, 8)
    assert {one.reason.partition(" openai")[0] for one in found[BIG].records if one.status == "failed"} == {
        "call-failed: document-refused:",
        "call-failed: provider-bad-answer: The answer of",
    }
    assert len(provider.seen) == 10
    assert again[BIG].evaluation.failed == 8
    assert BIG not in session.skipped_arms


@pytest.mark.parametrize("status", [400, 422])
def test_an_endpoint_that_refuses_everything_is_not_measured_as_a_bad_model(walk, status):
    """It does not know a parameter; a later walk asks again, when it does."""
    with ScriptedProvider((status, "unsupported parameter: seed")) as provider:
        found, session, _ = walk(reference(provider) + PRICE)
        assert (found, len(provider.seen)) == ({}, 5)
        assert session.skipped_arms[BIG].startswith("not measured: it failed on the first 5 documents: ")
        assert "unsupported parameter" in session.skipped_arms[BIG]
        provider.script[:] = [(200, chat)]
        found, _, _ = walk(reference(provider) + PRICE)
    assert (found[BIG].evaluation.failed, len(found[BIG].records)) == (0, 10)


@pytest.mark.parametrize(
    ("message", "finish", "reason"),
    [
        ({"content": '{"label": "billing"}'}, "length", "cut: "),
        ({"content": ""}, "content_filter", "refusal: "),
        ({"content": None, "refusal": "I cannot."}, "stop", "refusal: "),
    ],
)
def test_cuts_and_refusals_are_failures_of_the_arm(walk, message, finish, reason):
    answer = {"choices": [{"message": message, "finish_reason": finish}], "usage": USAGE}
    with ScriptedProvider((200, answer), (200, chat)) as provider:
        found, _, _ = walk(reference(provider) + PRICE)
    (failed,) = [one for one in found[BIG].records if one.status == "failed"]
    assert failed.reason.startswith(f"call-failed: {reason}")
    assert found[BIG].evaluation.n == 10


def test_a_local_only_task_never_leaves(walk):
    config = (
        "[task]\nname = 'tickets'\n[reference]\nmodel = 'openai/big'\nbase_url = 'https://api.example.com/v1'\n"
        f"api_key_env = 'PAID_KEY'\nwith_schema = true\n{PRICE}"
    )
    object.__setattr__(walk.task, "privacy", "local-only")
    found, session, display = walk(config)
    assert (found, display.questions) == ({}, [])
    assert "local-only" in session.skipped_arms[BIG]


def test_a_log_without_content_cannot_keep_what_is_bought(walk):
    with ScriptedProvider((200, chat)) as provider:
        _, session, _ = walk(reference(provider) + PRICE + "[log]\nmetadata_only = ['tickets']\n")
    assert provider.seen == []
    assert "metadata_only" in session.skipped_arms[BIG]


def test_a_cheaper_tier_has_its_own_key_and_address(walk, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "other")
    with ScriptedProvider((200, chat)) as provider, ScriptedProvider((200, chat)) as cheap:
        tier = (
            f"[[reference.also]]\nmodel = 'vendor/small'\nbase_url = '{cheap.url}'\n"
            "api_key_env = 'OTHER_KEY'\nwith_schema = false\ncost_per_1000_usd = 0.1\n"
        )
        found, session, _ = walk(reference(provider, tier, schema=False))
    assert provider.seen == []
    assert session.skipped_arms["cloud + schema"] == (
        "not measured: it costs money; set reference.with_schema = true"
    )
    assert {key for _, key, _ in cheap.seen} == {"Bearer other"}
    assert "response_format" not in cheap.seen[0][2]
    arm = found["vendor/small asked"].evaluation.arm
    assert (arm.role, arm.kind, arm.cost_per_1000_usd) == ("candidate", "other cloud", 0.1)


def test_a_decision_model_keeps_its_probabilities_from_the_log(walk):
    with ScriptedProvider((200, decide)) as provider:
        decider = (
            f"[[reference.decisions]]\nmodel = 'openai/decider'\nbase_url = '{provider.url}'\n"
            "api_key_env = 'PAID_KEY'\n"
        )
        found, _, display = walk(reference(provider, decider, schema=False) + PRICE)
        again, _, _ = walk(reference(provider, decider, schema=False) + PRICE)
    assert len(provider.seen) == 10
    assert len(display.questions) == 1
    record = found[DECIDER].records[0]
    assert record.completion.label_probabilities[record.completion.text] == record.confidence == 0.7
    assert again[DECIDER].records == found[DECIDER].records
    assert found[DECIDER].evaluation.arm.cost_per_1000_usd == pytest.approx(1.0)  # output is free
    assert found[DECIDER].evaluation.metrics["accuracy"].n == 10


def test_other_documents_of_a_plan_are_bought_when_it_is_ready(walk, project):
    with ScriptedProvider((200, chat)) as provider:
        session = session_on(project(config=reference(provider) + PRICE))
        inputs = inputs_of(session, walk.dataset, walk.task, made_of(walk.task, session.project.folder, ()))
        (plan,) = cloud_schema.SCHEMA_FACTORY.make(inputs)
        assert provider.seen == []  # a plan costs nothing
        other = plan._replace(examples=walk.dataset.splits["train"]).ready()
    assert len(provider.seen) == 12  # and those that the session will ask about
    assert other.examples == walk.dataset.splits["train"]
    with other.model() as model:
        assert model.generate(other.ask(other.examples[0])).text in walk.task.output.names
