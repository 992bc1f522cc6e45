"""The vocabulary of a GGUF file becomes a tokenizer for masks."""

import struct

import pytest
from support.model_files import EMPTY_GGUF

from insource.foundation.errors import DataError
from insource.routing.vocabulary import tokenizer_of


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def gguf_of(path, model, tokens, types, stop):
    """A GGUF file with a vocabulary and no weights."""
    values = [
        text("tokenizer.ggml.model") + struct.pack("<I", 8) + text(model),
        text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, len(tokens)) + b"".join(map(text, tokens)),
        text("tokenizer.ggml.token_type") + struct.pack(f"<IIQ{len(types)}i", 9, 5, len(types), *types),
        text("tokenizer.ggml.eos_token_id") + struct.pack("<II", 4, stop),
    ]
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, len(values)) + b"".join(values))
    return path


@pytest.mark.parametrize(
    ("model", "tokens", "types", "expected"),
    [
        (
            "gpt2",
            ["a", "Ġthe", "Ċ", "Ã©", "日", "<|end|>"],
            [1] * 5 + [3],
            [b"a", b" the", b"\n", "é".encode()],
        ),
        ("llama", ["▁the", "a", "<0x0A>", "é", "日", "</s>"], [1, 1, 6, 1, 1, 3], [b" the", b"a", b"\n"]),
    ],
)
def test_tokens_are_the_bytes_that_they_stand_for(tmp_path, model, tokens, types, expected):
    tokenizer = tokenizer_of(gguf_of(tmp_path / "v.gguf", model, tokens, types, stop=5))
    assert tokenizer.vocab_size == len(tokens)
    assert [tokenizer.decode_bytes([at]) for at in range(len(expected))] == expected
    assert tokenizer.decode_bytes([4]) == "日".encode()  # added by hand, or as it is
    assert tokenizer.eos_token == 5


def test_a_file_without_a_vocabulary_and_one_of_an_unknown_kind_are_errors(tmp_path):
    empty = tmp_path / "empty.gguf"
    empty.write_bytes(EMPTY_GGUF)
    for path in (tmp_path / "none.gguf", empty, gguf_of(tmp_path / "x.gguf", "rwkv", ["a"], [1], 0)):
        with pytest.raises(DataError) as caught:
            tokenizer_of(path)
        assert caught.value.code == "tokenizer-unreadable"
