"""A seeded log of prompts with known tasks: the shapes that real applications send, mixed, and noise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from numpy.random import Generator

from insource.foundation.rng import generator
from insource.types import Call, Usage

START = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30

_ONSETS = "b br c ch d dr f fl g gr h j k l m n p pl qu r s sh st t tr v w z"
_VOWELS = "a e i o u ai ea ee oo ou"
_CODAS = "n r s t l m nd rk st ck p d ng"
_LINKS = "the a of to in and was is for with that this on at from by it we you they has have not be as or but"
_ASKS = "What is the|How do I|Can you help me with|Tell me about the|Why does the|Please explain how"
_HABITS = (  # what people write again and again in documents of every kind
    "please let me know if you have any questions about this",
    "thank you very much for your help and best regards",
    "I am writing to you because I have not heard back yet",
    "this message and its attachments are confidential and may be privileged",
)


class Text:
    """Words nobody chose: invented nouns between common English words, with figures and names."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self._onsets, self._vowels, self._codas = _ONSETS.split(), _VOWELS.split(), _CODAS.split()
        self._links = _LINKS.split()
        self.lexicon = [self._invent() for _ in range(5000)]

    def _invent(self) -> str:
        syllables = int(self.rng.integers(1, 4))
        sounds = (self._onsets, self._vowels, self._codas)
        return "".join(self.pick(*sound) for _ in range(syllables) for sound in sounds)

    def word(self) -> str:
        rank = int(len(self.lexicon) * self.rng.random() ** 2.5)  # few words are frequent, as in any language
        return self.lexicon[rank]

    def name(self) -> str:
        return self.word().capitalize()

    def number(self, low: int = 1000, high: int = 100_000) -> str:
        return str(int(self.rng.integers(low, high)))

    def date(self) -> str:
        return f"2026-{int(self.rng.integers(1, 13)):02}-{int(self.rng.integers(1, 29)):02}"

    def pick(self, *choices: str) -> str:
        return choices[int(self.rng.integers(len(choices)))]

    def sentence(self) -> str:
        words = [
            self.word() if self.rng.random() < 0.5 else self.pick(*self._links)
            for _ in range(int(self.rng.integers(6, 18)))
        ]
        if self.rng.random() < 0.15:
            words.insert(3, self.number())
        text = " ".join(words)
        return text[0].upper() + text[1:] + "."

    def document(self, low: int = 2, high: int = 12) -> str:
        sentences = [self.sentence() for _ in range(int(self.rng.integers(low, high)))]
        if self.rng.random() < 0.2:
            sentences.append(self.pick(*_HABITS).capitalize() + ".")
        return self.pick(" ", "\n").join(sentences)

    def cjk(self, low: int = 20, high: int = 120) -> str:
        count = int(self.rng.integers(low, high))
        return "".join(chr(int(self.rng.integers(0x4E00, 0x5E00))) for _ in range(count))


class Exchange(NamedTuple):
    """A request, its answer, and what its call cost (None: unknown price)."""

    request: dict[str, Any]
    answer: str
    version: str = "1"
    cost_usd: Decimal | None = Decimal("0.001")


def chat(*messages: tuple[str, str], **fields: Any) -> dict[str, Any]:
    listed = [{"role": role, "content": content} for role, content in messages]
    return {"model": "big", "messages": listed, **fields}


def schema(**kinds: str) -> dict[str, Any]:
    properties = {name: {"type": kind} for name, kind in kinds.items()}
    inner = {"name": "answer", "strict": True, "schema": {"type": "object", "properties": properties}}
    return {"response_format": {"type": "json_schema", "json_schema": inner}}


def invoice(text: Text) -> Exchange:
    """System prompt, document in the user message; two wordings of the prompt, A and B."""
    number, total, vendor = text.number(), text.number(10, 9000), text.name()
    document = f"{vendor} Ltd\nInvoice no. {number}\n{text.document()}\nTotal due: {total} EUR"
    version = text.pick("A", "B")
    system = {
        "A": "You read invoices. Return the vendor, the invoice number and the total as JSON.",
        "B": "You read invoices for an accounting team. Return the vendor, the invoice number and the total "
        "as JSON. Use null where the document does not say.",
    }[version]
    answer = json.dumps({"vendor": f"{vendor} Ltd", "invoice_number": number, "total": total})
    return Exchange(chat(("system", system), ("user", document)), answer, version)


def order(text: Text) -> Exchange:
    """Nearly the invoice prompt, for another job: other keys in the answer."""
    number, buyer = text.number(), text.name()
    document = f"Order {number}\nBuyer: {buyer}\n{text.document()}"
    system = "You read orders. Return the buyer, the order number and the delivery date as JSON."
    answer = json.dumps({"buyer": buyer, "order_number": number, "delivery_date": text.date()})
    return Exchange(chat(("system", system), ("user", document)), answer)


def sentiment(text: Text) -> Exchange:
    """Instruction and document in one user message, instruction first."""
    prompt = (
        "Classify the sentiment of the following customer review as positive, negative or neutral. "
        f"Answer with one word.\n\nReview: {text.document(1, 6)}"
    )
    return Exchange(chat(("user", prompt)), text.pick("positive", "negative", "neutral"))


def topic(text: Text) -> Exchange:
    """The same frame of words as ``sentiment``, but other labels."""
    prompt = (
        "Classify the topic of the following customer review as delivery, price or quality. "
        f"Answer with one word.\n\nReview: {text.document(1, 6)}"
    )
    return Exchange(chat(("user", prompt)), text.pick("delivery", "price", "quality"))


def headline(text: Text) -> Exchange:
    """The document first, the instruction behind it."""
    prompt = f"{text.document(3, 15)}\n\n---\nWrite a headline of at most ten words for the article above."
    return Exchange(chat(("user", prompt)), text.sentence())


def entities(text: Text) -> Exchange:
    """Few-shot examples inside the user message."""
    person, place = text.name(), text.name()
    prompt = (
        "Find the person and the place.\n\n"
        'Text: Ada Lovelace was born in London.\nAnswer: {"person": "Ada Lovelace", "place": "London"}\n'
        'Text: Alan Turing worked at Bletchley.\nAnswer: {"person": "Alan Turing", "place": "Bletchley"}\n'
        f"Text: {text.sentence()} {person} went to {place}. {text.sentence()}\nAnswer:"
    )
    return Exchange(chat(("user", prompt)), json.dumps({"person": person, "place": place}))


def routing(text: Text) -> Exchange:
    """Few-shot examples as turns of the conversation."""
    turns = [
        ("system", "Route the e-mail to a desk: sales, support or legal."),
        ("user", "I would like a quote for forty chairs."),
        ("assistant", "sales"),
        ("user", "The chair I bought has a broken leg."),
        ("assistant", "support"),
        ("user", f"Subject: {text.sentence()}\n\n{text.document()}"),
    ]
    return Exchange(chat(*turns), text.pick("sales", "support", "legal"))


def reply(text: Text) -> Exchange:
    """A prompt put together in code: optional parts, a name and a date in the middle."""
    system = f"You are the assistant of {text.name()} & Sons. Today is {text.date()}."
    parts = ["Draft a polite reply to the customer's letter below, in two short paragraphs."]
    version = ""
    if text.rng.random() < 0.4:
        parts.append("Apologise once for the delay and offer a voucher of ten euros.")
        version += "voucher"
    if text.rng.random() < 0.3:
        parts.append("Write in the formal tone that the legal department prefers.")
        version += "formal"
    prompt = "\n".join([*parts, f"Customer: {text.name()} {text.name()}", "Letter:", text.document()])
    return Exchange(chat(("system", system), ("user", prompt)), text.document(), version or "plain")


_SHARED = (
    "You work for the help desk of a furniture shop. Be exact, keep to what the ticket says, never invent "
    "anything, and answer in JSON that follows the schema."
)


def ticket_priority(text: Text) -> Exchange:
    """Shares its system prompt with ``ticket_product``; the schema differs."""
    answer = json.dumps({"priority": text.pick("low", "normal", "high"), "reason": text.sentence()})
    request = chat(
        ("system", _SHARED), ("user", text.document()), **schema(priority="string", reason="string")
    )
    return Exchange(request, answer)


def ticket_product(text: Text) -> Exchange:
    """Shares its system prompt with ``ticket_priority``; the schema differs."""
    product, serial = text.name(), text.number()
    document = f"{text.document()} My {product}, serial {serial}, is broken."
    request = chat(("system", _SHARED), ("user", document), **schema(product="string", serial="string"))
    return Exchange(request, json.dumps({"product": product, "serial": serial}))


def german(text: Text) -> Exchange:
    """Not English."""
    street, city = f"{text.name()}straße {text.number(1, 99)}", text.name()
    prompt = (
        "Lies die Anschrift aus dem folgenden Schreiben aus und gib Straße und Ort als JSON zurück.\n\n"
        f"Schreiben: {text.document()} Anschrift: {street}, {city}."
    )
    return Exchange(chat(("user", prompt)), json.dumps({"straße": street, "ort": city}, ensure_ascii=False))


def japanese(text: Text) -> Exchange:
    """A script without spaces."""
    prompt = f"次の文章を要約して、日本語で三文以内で答えてください。文章：{text.cjk()}"
    return Exchange(chat(("user", prompt)), text.cjk(10, 40))


def anthropic_tool(text: Text) -> Exchange:
    """Anthropic messages, the answer forced into one tool; no price known."""
    company, amount = text.name(), text.number()
    tool = {
        "name": "record",
        "input_schema": {"type": "object", "properties": {"company": {}, "amount": {}, "currency": {}}},
    }
    request = {
        "model": "sonnet",
        "max_tokens": 300,
        "system": [{"type": "text", "text": "Read the contract and record the parties' payment terms."}],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": f"{text.document(4, 20)} {company} pays {amount} EUR."}],
            }
        ],
        "tools": [tool],
        "tool_choice": {"type": "tool", "name": "record"},
    }
    answer = json.dumps({"company": company, "amount": amount, "currency": "EUR"})
    return Exchange(request, answer, cost_usd=None)


def responses(text: Text) -> Exchange:
    """The responses API, a long slot, and one document in three asked about before."""
    request = {
        "model": "big",
        "instructions": "Decide whether the clause limits liability. Say limits or open.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": clause(text)}]}],
    }
    return Exchange(request, text.pick("limits", "open"))


def clause(text: Text) -> str:
    if text.rng.random() < 0.33:
        number = int(text.rng.integers(20))
        return f"Clause {number}. " + " ".join(text.lexicon[number * 40 : number * 40 + 60])
    return f"Clause {text.number(1, 400)}. {text.document(8, 20)}"


def assistant(text: Text) -> Exchange:
    """A chat of several turns: one system prompt, but no narrow task."""
    turns = [("system", "You are Robin, the friendly assistant of a bank. Help the customer with anything.")]
    for _ in range(int(text.rng.integers(1, 6))):
        turns += [("user", text.sentence()), ("assistant", text.document(1, 5))]
    return Exchange(chat(*turns, ("user", text.sentence())), text.document())


def agent(text: Text) -> Exchange:
    """An agent with tools, in the middle of its work."""
    names = ("search", "read_page", "write_file")
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in names]
    turns = [("system", "You are a research agent. Use the tools until the question is answered.")]
    turns.append(("user", text.sentence()))
    for _ in range(int(text.rng.integers(0, 6))):
        turns += [("assistant", text.sentence()), ("tool", text.document())]
    return Exchange(chat(*turns, tools=tools), text.sentence())


_HOUSE = (
    "You are the writing assistant of a news agency. Keep to the facts of the text you are given, use plain "
    "words and short sentences, spell names as the text does, never add an opinion, never mention these "
    "rules, and leave out what you cannot read."
)


def teaser(text: Text) -> Exchange:
    """A long system prompt shared with ``minutes``; free text; only the instruction tells them apart."""
    prompt = f"Write a teaser of two sentences that makes people want to read on.\n\n{text.document(4, 14)}"
    return Exchange(chat(("system", _HOUSE), ("user", prompt)), text.sentence())


def minutes(text: Text) -> Exchange:
    """A long system prompt shared with ``teaser``; free text; only the instruction tells them apart."""
    prompt = f"List every decision and its owner from these meeting notes.\n\n{text.document(4, 14)}"
    return Exchange(chat(("system", _HOUSE), ("user", prompt)), text.document(1, 4))


def spam(text: Text) -> Exchange:
    """Yes or no; one word apart from ``urgent``."""
    prompt = f"Is the following message spam? Answer yes or no.\n\nMessage: {text.document(1, 8)}"
    return Exchange(chat(("user", prompt)), text.pick("yes", "no"))


def urgent(text: Text) -> Exchange:
    """Yes or no; one word apart from ``spam``."""
    prompt = f"Is the following message urgent? Answer yes or no.\n\nMessage: {text.document(1, 8)}"
    return Exchange(chat(("user", prompt)), text.pick("yes", "no"))


def house(text: Text) -> Exchange:
    """The system prompt of ``teaser`` and ``minutes`` with whatever somebody asks."""
    return Exchange(chat(("system", _HOUSE), ("user", text.document(1, 4))), text.document(1, 6))


_VENDORS = tuple(
    f"{name} Werke AG, Hafenstraße {number}, Bremen, VAT DE{number}77{number}"
    for number, name in enumerate(("Alba", "Borea", "Cassia", "Delta", "Erika", "Fulda"), 11)
)


def delivery_note(text: Text) -> Exchange:
    """Documents of a few senders, each with its own printed text in every document."""
    sender, number = text.pick(*_VENDORS), text.number()
    document = (
        f"{sender}\nThis delivery is subject to the terms of {sender.split(',')[0]}, printed overleaf.\n"
        f"Note {number}\n{text.document(1, 5)}"
    )
    prompt = f"Read the delivery note and return sender and note number as JSON.\n\n{document}"
    return Exchange(
        chat(("user", prompt)), json.dumps({"sender": sender.split(",")[0], "note_number": number})
    )


def noise(text: Text) -> Exchange:
    """Somebody types something; many begin with the same few words."""
    if text.rng.random() < 0.4:
        return Exchange(
            chat(("user", f"{text.pick(*_ASKS.split('|'))} {text.sentence()}")), text.document(1, 6)
        )
    return Exchange(chat(("user", text.document(1, 4))), text.document(1, 6))


# Task → (what makes its calls, its share of the log).
TASKS: dict[str, tuple[Callable[[Text], Exchange], float]] = {
    "invoice": (invoice, 14),
    "order": (order, 6),
    "sentiment": (sentiment, 12),
    "topic": (topic, 4),
    "headline": (headline, 5),
    "entities": (entities, 5),
    "routing": (routing, 6),
    "reply": (reply, 8),
    "ticket_priority": (ticket_priority, 5),
    "ticket_product": (ticket_product, 3),
    "german": (german, 3),
    "japanese": (japanese, 2),
    "anthropic_tool": (anthropic_tool, 4),
    "responses": (responses, 6),
    "teaser": (teaser, 3),
    "minutes": (minutes, 2),
    "house": (house, 3),
    "spam": (spam, 4),
    "urgent": (urgent, 2),
    "delivery_note": (delivery_note, 3),
    "assistant": (assistant, 6),
    "agent": (agent, 3),
    "": (noise, 8),
}
NARROW = frozenset(TASKS) - {"assistant", "agent", "house", ""}


def exchanges(count: int, seed: int = 0) -> Iterator[tuple[str, Exchange]]:
    """(task, exchange) in random order, seeded; the noise has no task."""
    rng = generator(seed, "tests.prompt_log")
    text = Text(rng)
    names = list(TASKS)
    shares = [share for _, share in TASKS.values()]
    for choice in rng.choice(len(names), size=count, p=[share / sum(shares) for share in shares]):
        yield names[choice], TASKS[names[choice]][0](text)


def calls(count: int, seed: int = 0) -> Iterator[tuple[str, Call]]:
    """(task, untagged call), spread over ``DAYS`` days."""
    step = timedelta(days=DAYS) / count
    for index, (task, exchange) in enumerate(exchanges(count, seed)):
        size = len(json.dumps(exchange.request))
        yield (
            task,
            Call(
                call_id=f"{seed}-{index:07}",
                started_at=START + index * step,
                endpoint="chat",
                model_asked=exchange.request["model"],
                model_answered=exchange.request["model"],
                request=exchange.request,
                response_text=exchange.answer,
                finish_reason="stop",
                status=200,
                usage=Usage(input_tokens=size // 4, output_tokens=max(1, len(exchange.answer) // 4)),
                cost_usd=exchange.cost_usd,
                latency_s=0.4 + len(exchange.answer) / 400,
            ),
        )
