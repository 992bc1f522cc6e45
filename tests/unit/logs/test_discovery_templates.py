"""Templates from small piles of prompts: what stays, what is a slot, which is the most specific."""

import pytest

from insource.logs.discovery.learning import TemplateLearner
from insource.logs.discovery.mining import mine
from insource.logs.discovery.naming import name
from insource.logs.discovery.prompts import Frame, Prompt, read_prompt
from insource.logs.discovery.templates import Template, TemplateIndex

WORDS = "amber basalt cedar dune ember fjord grove heron iris juniper kelp larch moss nettle opal pine"


def words(number, count):
    """Words that differ from number to number."""
    choices = WORDS.split()
    return " ".join(
        choices[(number * 7 + place * place * (number + 3)) % len(choices)] for place in range(count)
    )


def user(text, **fields):
    return read_prompt({"messages": [{"role": "user", "content": text}], **fields})


def shown(templates):
    return sorted(str(template) for template in templates)


def test_a_prefix_instruction():
    prompts = [user(f"Translate this into Dutch, please: {words(n, 9)}") for n in range(20)]
    assert shown(mine(prompts)) == ["user: Translate this into Dutch, please: ⟨…⟩"]


def test_a_suffix_instruction_and_one_on_both_sides():
    prompts = [user(f"{words(n, 9)}\n\nSum this up in one line.") for n in range(20)]
    assert shown(mine(prompts)) == ["⟨…⟩ Sum this up in one line."]
    prompts = [user(f"Here is a letter: {words(n, 9)} Who wrote it, and when?") for n in range(20)]
    assert shown(mine(prompts)) == ["user: Here is a letter: ⟨…⟩ Who wrote it, and when?"]


def test_numbers_that_vary_are_slots_and_numbers_that_stay_are_not():
    prompts = [user(f"Ticket {n + 100} of 2026: sort into 3 classes. {words(n, 9)}") for n in range(20)]
    assert shown(mine(prompts)) == ["user: Ticket ⟨…⟩ of 2026: sort into 3 classes. ⟨…⟩"]


def test_a_document_asked_about_again_and_again_is_in_the_slot():
    popular = words(99, 30)
    asked = [popular if n % 3 == 0 else words(n, 30) for n in range(60)]
    prompts = [user(f"Name the trees in the following text: {text}") for text in asked]
    assert shown(mine(prompts)) == ["user: Name the trees in the following text: ⟨…⟩"]


def test_another_schema_is_another_template():
    def schema(key):
        return {"response_format": {"json_schema": {"schema": {"properties": {key: {}}}}}}

    prompts = [user(f"Read the note and answer: {words(n, 9)}", **schema("ab"[n % 2])) for n in range(40)]
    assert {template.schema_keys for template in mine(prompts)} == {"a", "b"}


def test_few_or_unlike_prompts_have_no_template():
    assert mine([user(f"Translate this into Dutch, please: {words(n, 9)}") for n in range(5)]) == []
    assert mine([user(" ".join(reversed(words(n, 12).split()))) for n in range(12)]) == []
    assert mine([]) == []


def test_the_most_specific_template_wins_and_a_beginning_says_more_than_an_end():
    shop = Template(segments=("\x02s You work for the furniture shop. \x02u",))
    note = Template(segments=("\x02s You work for the furniture shop. \x02u Sort this note:",))
    closing = Template(
        segments=(". Thank you so much for all of your help with this long and difficult matter. \x02e",)
    )
    index = TemplateIndex([shop, closing, note, shop])
    assert len(index) == 3

    def found(system, text):
        return index.find(read_prompt({"system": system, "messages": [{"role": "user", "content": text}]}))

    thanks = "Thank you so much for all of your help with this long and difficult matter."
    assert found("You work for the furniture shop.", "Sort this note: pine") == note
    assert found("You work for the furniture shop.", f"It broke. {thanks}") == shop
    assert found("Else.", f"It broke. {thanks}") == closing
    assert found("Else.", "It broke.") is None
    assert index.find(Prompt(Frame("keys", ""), shop.segments[0], False, 1)) is None


def test_what_fills_the_slots():
    template = Template(segments=("\x02u Say who:", "and when", "\x02e"))
    assert template.variable("\x02u Say who: Ada came and when it was \x02e") == "Ada came it was"


@pytest.mark.parametrize(
    ("segments", "name_given"),
    [
        (("\x02u Extract the invoice total:",), "extract-invoice-total"),
        (("\x02u Grüße aus Zürich an Straße:",), "grusse-zurich-strasse"),
    ],
)
def test_a_name_is_made_of_the_prompts_words(segments, name_given):
    assert name([[Template(segments=segments)]]) == [name_given]


def test_names_are_safe_and_distinct_whatever_the_prompt():
    hostile = Template(segments=("\x02u ../../etc \x1b[2J ‮evil; rm -rf",))
    other = Template(segments=("\x02u 次の文章を要約して",))
    twins = [Template(segments=("\x02u Extract the total:", end)) for end in ("a", "b")]
    names = name([[hostile], [other], *([twin] for twin in twins)])
    assert len(set(names)) == 4
    assert all(part.isascii() and part.replace("-", "").isalnum() for part in names)
    assert names[1] == f"task-{other.fingerprint[:6]}"


def chat(number, instruction=""):
    system = {"role": "system", "content": "You are the assistant of a small museum. Keep to the facts."}
    return read_prompt(
        {"messages": [system, {"role": "user", "content": f"{instruction}{words(number, 12)} {number}"}]}
    )


def test_a_task_that_comes_late_is_not_hidden_by_a_template_that_fits_too():
    learner = TemplateLearner(pool=100)
    for number in range(400):
        learner.feed(chat(number))
    for number in range(40):
        learner.feed(chat(number, "Name every bird in the following text: "))
    learner.finish()
    late = chat(7, "Name every bird in the following text: ")
    assert "Name every bird" in str(learner.index.find(late))
    assert "Name every bird" not in str(learner.index.find(chat(7)))


def test_templates_known_from_before_are_not_found_again():
    prompts = [chat(number) for number in range(300)]
    first = TemplateLearner(pool=100)
    for prompt in prompts:
        first.feed(prompt)
    first.finish()
    again = TemplateLearner(first.index, pool=100)
    for prompt in reversed(prompts):
        again.feed(prompt)
    again.finish()
    assert list(again.index) == list(first.index)


def test_a_log_of_noise_is_mined_a_few_times_only(monkeypatch):
    mined = []
    monkeypatch.setattr(
        "insource.logs.discovery.learning.mine", lambda pool, support: mined.append(len(pool)) or []
    )
    learner = TemplateLearner(pool=50)
    for number in range(6400):
        learner.feed(chat(number))
    learner.finish()
    assert max(mined) == 50
    assert len(mined) <= 10
