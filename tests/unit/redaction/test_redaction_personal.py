"""What is personal, what only looks like it, and what it is called."""

import json
import stat
import threading

import pytest

from insource.config.log import LogSection
from insource.foundation.errors import ConfigError, InsourceError
from insource.foundation.rng import generator
from insource.redaction import RedactedIncrements, Redactor
from insource.redaction.presidio import finder_of
from insource.redaction.pseudonyms import KEY_FILE, Pseudonyms
from insource.redaction.redactor import SECRETS


@pytest.fixture(scope="module")
def personal(tmp_path_factory):
    return made(tmp_path_factory.mktemp("root"), redact=("secrets", "personal"))


def made(root, **section):
    return Redactor.from_config(LogSection(**section), root)


def kinds(redacted):
    return [part.partition(":")[0] for part in redacted.split("[")[1:]]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("jane.doe+orders@mail.example.co.uk", "email"),
        ("müller@büro.de", "email"),
        ("4111 1111 1111 1111", "card"),
        ("4111-1111-1111-1111", "card"),
        ("378282246310005", "card"),
        ("3782 822463 10005", "card"),
        ("DE89 3704 0044 0532 0130 00", "iban"),
        ("gb29nwbk60161331926819", "iban"),
        ("+49 (0)30 1234567", "phone"),
        ("+12125550123", "phone"),
        ("0049 30 1234567", "phone"),
        ("(212) 555-0123", "phone"),
        ("212-555-0123", "phone"),
        ("1-212-555-0123", "phone"),
        ("030 1234567", "phone"),
        ("0171/1234567", "phone"),
        ("01 23 45 67 89", "phone"),
        ("020 7946 0958", "phone"),
        ("+33\u00a01\u202f23\u00a045\u00a067\u00a089", "phone"),
        ("123-45-6789", "us-ssn"),
        ("12345678Z", "es-dni"),
        ("X1234567L", "es-dni"),
        ("RSSMRA85T10A562S", "it-codice-fiscale"),
        ("2 95 10 99 126 111 93", "fr-nir"),
        ("36574261809", "de-steuer-id"),
        ("390.533.447-05", "br-cpf"),
        ("44051401359", "pl-pesel"),
        ("850709-9805", "se-personnummer"),
        ("85.07.30-033.28", "be-national"),
        ("756.9217.0769.85", "ch-ahv"),
        ("151086 95088", "no-fodselsnummer"),
        ("11010519491231002X", "cn-resident"),
        ("131052-308T", "fi-hetu"),
        ("192.168.10.4", "ip"),
        ("2001:db8::ff00:42:8329", "ip"),
    ],
)
def test_each_kind_is_found_wherever_it_stands(personal, text, kind):
    for around in ("{}", "see {}.", "({}), then", "<{}>", "a;{};b", "{}\n"):
        redacted = personal.text(around.format(text))
        assert kinds(redacted) == [kind], redacted
        before, after = around.split("{}")
        assert redacted.startswith(before)
        assert redacted.endswith(after)


@pytest.mark.parametrize("text", ["Tel.: 5550123", "phone 415 555 2671", "Fax (0)30/123456", "BSN 111222333"])
def test_a_word_in_front_makes_a_number_personal(personal, text):
    [kind] = kinds(personal.text(text))
    assert kind in ("phone", "nl-bsn")
    assert personal.text(text.partition(" ")[2]) == text.partition(" ")[2]


@pytest.mark.parametrize(
    "text",
    [
        "Model AK-4400, 480 V AC, 3-phase, 60 Hz, 12 A; 0402 0603 0805; +10 to +40 V; 12.5 / 24.0 / 48.0",
        "2024-01-02 10:22:33, 01.02.2024 12:30, 02-03-2024, 1700000000, 1732393200123, 1732393200123456",
        "v1.2.3.4, 10.20.30.40.50, 127.0.0.1, 0.0.0.0, ::1, std::vector, abc::def, 12:30:45, 1:2:3:4",
        "0193abcd-1234-7abc-8def-0123456789ab, 3.14159265358979, $1,234,567.89, 978-3-16-148410-0",
        "@handle, a@b, x@y.1, 0001234567, 0012345678, 1234567890, 111222333, 123456789",
        "4111 1111 1111 1112, GB29 NWBK 6016 1331 9268 18, 666-45-6789, 123-00-6789, 12345678A",
        "100 200 300 400, 1 2 3 4 5 6 7 8 9 10 11 12",
    ],
)
def test_what_only_looks_personal_stays(personal, text):
    assert personal.text(text) == text


@pytest.mark.parametrize(
    ("digits", "most"), [(8, 0.0), (9, 0.0), (10, 0.0), (11, 0.06), (12, 0.01), (16, 0.05)]
)
def test_a_bare_number_is_rarely_taken_for_a_person(personal, digits, most):
    rng = generator(0, f"bare-{digits}")
    numbers = [
        "".join(map(str, [rng.integers(1, 10), *rng.integers(0, 10, digits - 1)])) for _ in range(2000)
    ]
    taken = sum(personal.text(f"order {number} shipped").startswith("order [") for number in numbers)
    assert taken / len(numbers) <= most


def test_one_value_has_one_pseudonym_however_it_is_written(personal):
    assert personal.text("4111 1111 1111 1111") == personal.text("4111111111111111")
    assert personal.text("+49 (0)30 1234567") == personal.text("+49301234567")
    assert personal.text("DE89370400440532013000") == personal.text("de89 3704 0044 0532 0130 00")
    assert personal.text("Jane@Example.com") == personal.text("jane@example.com")
    assert personal.text("jane@example.com") != personal.text("john@example.com")


def test_pseudonyms_are_the_store_s_own(tmp_path):
    first, again, other = (made(tmp_path / name, redact=("personal",)) for name in ("a", "a", "b"))
    assert first.text("jane@example.com") == again.text("jane@example.com") != other.text("jane@example.com")
    assert stat.S_IMODE((tmp_path / "a" / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "a").iterdir()] == [KEY_FILE]


def test_secrets_alone_need_no_key(tmp_path):
    made(tmp_path, redact=("secrets",))
    assert list(tmp_path.iterdir()) == []


def test_a_key_made_by_many_at_once_is_one_key(tmp_path):
    names = []
    barrier = threading.Barrier(8)

    def use():
        barrier.wait()
        names.append(Pseudonyms.of(tmp_path).name("email", b"jane@example.com"))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 8
    assert len(set(names)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("content", ["", "abcd", "no hex at all"])
def test_a_damaged_key_is_no_key(tmp_path, content):
    (tmp_path / KEY_FILE).write_text(content)
    with pytest.raises(InsourceError) as caught:
        made(tmp_path, redact=("personal",))
    assert caught.value.code == "pseudonym-key-unusable"
    assert KEY_FILE in caught.value.hint


def test_numbers_that_are_no_text_are_looked_at_too(personal):
    value = {"card": 4111111111111111, "created": 1732393200, "share": 0.25, "yes": True}
    redacted = personal.value(value)
    assert kinds(redacted["card"]) == ["card"]
    assert {name: redacted[name] for name in ("created", "share", "yes")} == {
        "created": 1732393200,
        "share": 0.25,
        "yes": True,
    }
    assert json.loads(personal.document(json.dumps(value).encode())) == redacted


def test_json_stays_json_where_tool_arguments_are_redacted(personal):
    arguments = json.dumps({"to": "müller\njane@example.com\t+49 30 1234567", "api_key": "q8Zt4Lw0Xy7Rk2Vn"})
    inner = json.loads(personal.value({"arguments": arguments})["arguments"])
    assert kinds(inner["to"]) == ["email", "phone"]
    assert inner["to"].startswith("müller\n[email:")
    assert inner["api_key"] == "[secret:assigned]"


def test_patterns_of_the_users_own(tmp_path):
    redactor = made(tmp_path, patterns=(r"customer=CUST-\d+", r"(?i)project (falcon|eagle)"))
    redacted = redactor.text("CUST-12 of CUST-34 asks CUST-12 about Project Falcon")
    assert kinds(redacted) == ["customer", "customer", "customer", "pattern"]
    first, second, third, _ = (part[:8] for part in redacted.split(":")[1:])
    assert first == third != second
    assert "CUST" not in json.dumps(json.loads(redactor.document(b'{"CUST-1":"\\u0043UST-2"}')))


def test_a_stream_with_patterns_of_the_users_own_waits_for_its_end(tmp_path):
    """How far a foreign pattern may reach nobody knows."""
    increments = RedactedIncrements(made(tmp_path, patterns=(r"BEGIN.*?END",)))
    assert [increments.add(piece) for piece in ("BEGIN ", "x " * 500, "END and more. ")] == ["", "", ""]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [("(a", "missing )"), (r"(?<=a)b", "invalid"), (r"(\w)\1", "invalid escape"), ("x*", "empty text")],
)
def test_a_pattern_that_is_none_is_named_with_its_reason(tmp_path, pattern, reason):
    with pytest.raises(ConfigError) as caught:
        made(tmp_path, patterns=("fine", pattern))
    [detail] = caught.value.details
    assert pattern in detail or repr(pattern) in detail
    assert reason in detail


def test_presidio_that_is_not_installed_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "presidio_analyzer", None)
    with pytest.raises(InsourceError) as caught:
        made(tmp_path, presidio=True)
    assert caught.value.code == "missing-extra"
    assert "pip install 'insource[presidio]'" in caught.value.hint


class Result:
    def __init__(self, entity_type, start, end):
        self.entity_type, self.start, self.end = entity_type, start, end


class StandIn:
    """Knows one person and one place, as Presidio's AnalyzerEngine would tell of them."""

    def analyze(self, *, text, language, score_threshold):
        assert (language, score_threshold) == ("en", 0.5)
        for name, kind in (
            ("Zoë Müller", "PERSON"),
            ("Oslo", "LOCATION"),
            ("zoë@example.com", "EMAIL_ADDRESS"),
        ):
            if (start := text.find(name)) >= 0:
                yield Result(kind, start, start + len(name))


def test_what_presidio_finds_goes_beside_the_rules(tmp_path):
    redactor = Redactor(SECRETS, pseudonyms=Pseudonyms.of(tmp_path), finder=finder_of(StandIn()))
    value = {"é": "Zoë Müller, Oslo, sk-proj-aB3dE5gH7jK9mN1pQ3sT", "mail": "zoë@example.com"}
    redacted = json.loads(redactor.document(json.dumps(value).encode()))
    assert kinds(redacted["é"]) == ["person", "location", "secret"]
    assert kinds(redacted["mail"]) == ["email-address"]
    assert redactor.text("Oslo") == redacted["é"].split(", ")[1]
    assert RedactedIncrements(redactor).add("Zoë Müller lives in Oslo. Yes. ") == ""
