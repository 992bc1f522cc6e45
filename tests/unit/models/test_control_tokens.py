"""A control token in a prompt is the template's own; one that a text spells stays text."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.foundation.errors import UserError
from insource.models.control_tokens import ControlTokens, control_tokens_of
from insource.models.gguf_metadata import read_values
from insource.types import Message

# Spellings that overlap, begin alike, hold each other, have one character, or mean another thing to a regex.
IDS = {"<s>": 1, "<s><t>": 2, "><": 3, "[END]": 4, "[END": 5, "~": 6, "|.*|": 7}
CONTROL = ControlTokens(IDS)
TEXTS = st.lists(st.sampled_from([*IDS, "a", " ", "\n", "<", "s>", "\ue000", "é"]) | st.text(max_size=3)).map(
    "".join
)


def chat(turns):
    return "".join(f"<s>{turn['role']}\n{turn['content'].strip()}[END]\n" for turn in turns) + "<s>"


@given(TEXTS, TEXTS)
def test_the_pieces_are_the_prompt_with_the_template_s_control_tokens(system, user):
    messages = [Message(role="system", content=system), Message(role="user", content=user)]
    pieces = CONTROL.pieces(messages, chat)
    assert [piece for piece in pieces if isinstance(piece, int)] == [1, 4, 1, 4, 1]
    spelling = {token: text for text, token in IDS.items()}
    whole = "".join(spelling.get(piece, piece) for piece in pieces)
    assert whole == chat([message.model_dump() for message in messages])


def test_spellings_in_a_text_are_named_once_in_their_order():
    assert CONTROL.spelled_in("a [END] <s> b [END] ~") == ("[END]", "<s>", "~")
    assert CONTROL.spelled_in("a < s > b") == ()


def test_a_vocabulary_without_control_tokens_changes_nothing():
    messages = [Message(role="user", content="a <s> b")]
    assert ControlTokens({}).pieces(messages, chat) == [chat([messages[0].model_dump()])]


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf_file(path, entries, magic=b"GGUF", version=3):
    path.write_bytes(struct.pack("<4sIQQ", magic, version, 0, len(entries)) + b"".join(entries))
    return path


def strings(key, values):
    return text(key) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))


def numbers(key, values):
    return text(key) + struct.pack(f"<IIQ{len(values)}i", 9, 5, len(values), *values)


NAME = text("general.name") + struct.pack("<I", 8) + text("made up")
SIZE = text("general.size") + struct.pack("<If", 6, 0.5)
VOCABULARY = [
    NAME,
    strings("tokenizer.ggml.tokens", ["<unk>", "<s>", "a", "<tool>"]),
    SIZE,
    numbers("tokenizer.ggml.token_type", [2, 3, 1, 4]),
]


def test_unknown_and_control_tokens_of_a_file_are_control_tokens(tmp_path):
    """Tokens that a user defined, such as marks around a tool call, are read in every text."""
    control = control_tokens_of(gguf_file(tmp_path / "v.gguf", VOCABULARY))
    assert control.spelled_in("<unk> <s> a <tool>") == ("<unk>", "<s>")
    assert control.pieces([Message(role="user", content="<s>")], chat)[0] == 1


def test_the_stop_token_is_a_control_token_whatever_its_type(tmp_path):
    stop = text("tokenizer.ggml.eos_token_id") + struct.pack("<II", 4, 2)
    control = control_tokens_of(gguf_file(tmp_path / "v.gguf", [*VOCABULARY, stop]))
    assert control.spelled_in("<unk> <s> a <tool>") == ("<unk>", "<s>", "a")


def test_a_vocabulary_without_types_has_the_stop_token_alone(tmp_path):
    stop = text("tokenizer.ggml.eos_token_id") + struct.pack("<II", 4, 1)
    control = control_tokens_of(gguf_file(tmp_path / "v.gguf", [*VOCABULARY[:3], stop]))
    assert control.spelled_in("<unk> <s> a <tool>") == ("<s>",)


LONG, NO_TYPE = (
    text("general.name") + struct.pack("<I", kind) + struct.pack("<Q", 2**63) for kind in (8, 99)
)


@pytest.mark.parametrize("entry", [LONG, NO_TYPE])
def test_damaged_metadata_are_refused_by_name(tmp_path, entry):
    path = gguf_file(tmp_path / "v.gguf", [entry])
    with pytest.raises(UserError, match="damaged") as caught:
        control_tokens_of(path)
    assert caught.value.code == "model-unreadable"
    assert str(path) in caught.value.message


def test_a_file_without_a_vocabulary_has_none(tmp_path):
    assert control_tokens_of(gguf_file(tmp_path / "v.gguf", [NAME])).spelled_in("<s>") == ()


@pytest.mark.parametrize("kept", [0, 10, 40, 60, 140])
def test_a_file_that_is_cut_short_is_not_read_as_a_shorter_one(tmp_path, kept):
    path = gguf_file(tmp_path / "v.gguf", VOCABULARY)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"cut short|not a GGUF"):
        read_values(path, "tokenizer.ggml.tokens")


@pytest.mark.parametrize("form", [{"magic": b"GGML"}, {"version": 1}])
def test_another_format_is_refused(tmp_path, form):
    with pytest.raises(ValueError, match="not a GGUF"):
        read_values(gguf_file(tmp_path / "v.gguf", VOCABULARY, **form), "tokenizer.ggml.tokens")
