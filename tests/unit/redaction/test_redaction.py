import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.redaction import RedactedIncrements, default_redactor, redact

KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT"
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7\n" * 20 + "-----END RSA PRIVATE KEY-----"
SECRETS = {
    "openai-key": KEY,
    "anthropic-key": "sk-ant-api03-" + "x9Y8z7W6v5U4t3S2r1Q0",
    "aws-key-id": "AKIA" + "IOSFODNN7EXAMPLE",
    "google-key": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "github-token": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "huggingface-token": "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz01234567",
    "slack-token": "xoxb-" + "1234567890-abcdefghij",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "private-key": PRIVATE,
}


@pytest.mark.parametrize(("name", "secret"), SECRETS.items())
def test_each_kind_is_replaced_by_its_name(name, secret):
    assert redact(f"see {secret} there") == f"see [secret:{name}] there"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer q8Zt4Lw0Xy7Rk2Vn", "Authorization: Bearer [secret:bearer-token]"),
        ("?api_key=q8Zt4Lw0Xy7Rk2Vn, next", "?api_key=[secret:assigned], next"),
        ('{"client_secret": "q8Zt4Lw0Xy7Rk2Vn"}', '{"client_secret": "[secret:assigned]"}'),
        (r"{\"api_key\":\"q8Zt4Lw0Xy7Rk2Vn\"}", r"{\"api_key\":\"[secret:assigned]\"}"),
    ],
)
def test_what_an_assignment_names_a_secret_is_one(text, expected):
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Model AK-4400, 480 V AC, 3-phase, 60 Hz, 12 A; the bearer is steel, task-oriented, basic version",
        "api_key: ................",
        "-----BEGIN CERTIFICATE-----",
        '{"max_tokens": 256, "key": "voltage"}',
        "480 V Ø 12 mm, 北京, 😀",
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert redact(text) == text


def test_structures_keep_their_shape_and_named_values_go():
    value = {"messages": [{"role": "user", "content": KEY}], "api_key": "short", "n": 1, "stop": None}
    assert redact(value) == {
        "messages": [{"role": "user", "content": "[secret:openai-key]"}],
        "api_key": "[secret:named]",
        "n": 1,
        "stop": None,
    }


def test_a_schema_that_describes_a_key_is_left_alone():
    schema = {"properties": {"api_key": {"type": "string"}}}
    assert redact(schema) == schema


def test_a_secret_hides_in_a_key_too():
    assert redact({KEY: 1}) == {"[secret:openai-key]": 1}


def test_lone_surrogates_become_something_that_can_be_stored():
    assert redact("a\ud800b") == "a?b"


def test_redacting_twice_changes_nothing():
    once = redact(" ".join([*SECRETS.values(), "password=q8Zt4Lw0Xy7Rk2Vn"]))
    assert redact(once) == once


carriers = [
    *SECRETS.values(),
    'x-api-key": "q8Zt4Lw0Xy7Rk2Vn"',
    "bearer   q8Zt4Lw0Xy7Rk2Vn",
    "password = q8Zt4Lw0Xy7Rk2Vn",
]


@given(
    secret=st.sampled_from(carriers),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    data=st.data(),
)
def test_no_secret_gets_through_a_stream_however_it_is_cut(secret, before, after, data):
    text = f"{before} {secret} {after}"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    increments = RedactedIncrements(default_redactor())
    written = "".join(increments.add(piece) for piece in pieces)
    assert secret.split()[-1].strip('"') not in written
    assert "MIIEpAIBAAKCAQEA7" not in written


def test_a_stream_holds_back_only_its_last_words():
    increments = RedactedIncrements(default_redactor())
    written = "".join(increments.add(piece) for piece in ("The vol", "tage is ", "480 V", " and", " more"))
    assert written == "The voltage is 480 V "


def test_a_long_key_block_stays_held_until_it_closes():
    increments = RedactedIncrements(default_redactor())
    body = "Ab1+" * 16 + "\n"
    assert increments.add("-----BEGIN PRIVATE KEY-----\n" + body * 12) == ""
    assert increments.add("-----END PRIVATE KEY-----\nok then") == "[secret:private-key]\n"
