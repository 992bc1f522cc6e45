"""However a document is spelled and however a stream is cut, what has to go goes."""

import json
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from insource.config.log import LogSection
from insource.redaction import RedactedIncrements, Redactor

PLANTED = {
    "openai-key": "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT",
    "bearer": "Bearer q8Zt4Lw0Xy7Rk2Vn",
    "assigned": "password = q8Zt4Lw0/Xy7Rk2Vn",
    "stripe-key": "sk_" + "live_51HabcDEFghiJKLmn",
    "url-password": "postgres://admin:S3cretPw99@db.example.org/app",
    "password": "password: hunter2",
    "private-key": "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END PRIVATE KEY-----",
    "email": "jane.doe@example.co.uk",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "phone": "+49 (0)30 123/4567",
    "national-phone": "0171/1234567",
    "spoken-phone": "tel: 5550123",
    "us-ssn": "123-45-6789",
    "nl-bsn": "BSN: 111222333",
    "fr-nir": "1 84 12 76 451 089 46",
    "ipv4": "192.168.10.4",
    "ipv6": "2001:db8::ff00:42:8329",
}
# The part that must not be seen again.
SECRET = {name: text for name, text in PLANTED.items()} | {
    "bearer": "q8Zt4Lw0Xy7Rk2Vn",
    "assigned": "q8Zt4Lw0/Xy7Rk2Vn",
    "url-password": "S3cretPw99",
    "password": "hunter2",
    "private-key": "MIIEpAIBAAKCAQEA7",
    "spoken-phone": "5550123",
    "nl-bsn": "111222333",
}


@pytest.fixture(scope="module")
def redacting(tmp_path_factory):
    section = LogSection(redact=("secrets", "personal"))
    return Redactor.from_config(section, tmp_path_factory.mktemp("keys"))


# Near misses: what rules begin with, what may stand between, what is almost one.
scraps = st.sampled_from(
    [*PLANTED.values(), *SECRET.values()]
    + [text[: len(text) // 2] for text in PLANTED.values()]
    + [text[len(text) // 2 :] for text in PLANTED.values()]
    + list(" \n\t\"'\\/:=.,;-+()[]{}@0179azAZéж北")
    + [
        "api_key",
        "Tel",
        "bearer ",
        "IBAN",
        "the voltage is 480 V, ",
        '": "',
        "\\n",
        "\\u0020",
        "\\u0073",
        "  ",
    ]
)
texts = st.lists(scraps, max_size=8).map("".join)
keys = texts | st.sampled_from(["api_key", "content", "password", "x"])
documents = st.dictionaries(
    keys,
    st.recursive(
        texts
        | st.none()
        | st.booleans()
        | st.integers(0, 10**18)
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


def spelled(value, data):
    """JSON of a value in one of the ways a client may write it."""
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    if data.draw(st.booleans()):
        text = text.replace("/", "\\/")
    letter = data.draw(st.sampled_from(["", "s", "@", "3", "e", " "]))
    pieces, inside = [], False
    for token in re.findall(r"\\u....|\\.|.", text, re.DOTALL):
        inside ^= token == '"'
        pieces.append(f"\\u{ord(token):04x}" if inside and token == letter else token)
    return "".join(pieces)


@settings(max_examples=300, deadline=None)
@given(value=documents, data=st.data())
def test_a_document_is_redacted_as_its_value_is_however_it_is_spelled(redacting, value, data):
    raw = spelled(value, data).encode("utf-8", "replace")
    assert json.loads(redacting.document(raw)) == redacting.value(json.loads(raw))


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(list(PLANTED)), depth=st.integers(0, 3), data=st.data())
def test_no_level_of_json_in_json_hides_a_secret(redacting, name, depth, data):
    value = {"a": f"see {PLANTED[name]} there"}
    raw = spelled(value, data)
    for _ in range(depth):
        raw = json.dumps({"arguments": raw}, ensure_ascii=data.draw(st.booleans()))
    written = redacting.document(raw.encode())
    for _ in range(depth):
        written = json.loads(written)["arguments"]
    shown = json.loads(written)["a"]
    assert shown.startswith("see ")
    assert shown.endswith(" there")
    assert SECRET[name] not in shown
    assert SECRET[name] not in json.loads(json.dumps(shown).replace("\\\\", "\\"))


@settings(max_examples=300, deadline=None)
@given(text=texts, data=st.data())
def test_what_a_stream_wrote_and_what_it_holds_is_the_whole_text_redacted(redacting, text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    increments = RedactedIncrements(redacting)
    written, done = "", 0
    for cut in [*cuts, len(text)]:
        written += increments.add(text[done:cut])
        done = cut
    assert written + increments.rest() == redacting.text(text)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(list(PLANTED)), before=texts, after=texts, data=st.data())
def test_no_planted_secret_gets_through_a_stream(redacting, name, before, after, data):
    assume(SECRET[name] not in before + after)
    text = f"{before}; {PLANTED[name]} ; {after}"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    increments = RedactedIncrements(redacting)
    pieces = [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    written = "".join(increments.add(piece) for piece in pieces)
    assert SECRET[name] not in written


def test_no_rule_takes_a_pseudonym_for_something_else(redacting):
    once = redacting.text("; ".join(PLANTED.values()))
    assert once.count("[") == len(PLANTED)
    assert redacting.text(once) == once
