"""GGUF files with metadata and no tensors, written value by value."""

import struct

UINT32, INT32, STRING, LIST = 4, 5, 8, 9
NORMAL, CONTROL = 1, 3
CONTROL_TOKENS = ("<|im_start|>", "<|im_end|>")
WIDTH, LAYERS, HEADS, KEPT_HEADS = 64, 2, 4, 2


def write_gguf(path, *, width=WIDTH, tokens=CONTROL_TOKENS, head=None):
    """Write a Llama of two layers whose vocabulary is the control tokens and then one token for each byte.

    ``head`` is the size of a head where the file states it, as Qwen3's do.
    """
    printable = [chr(byte) for byte in range(0x21, 0x7F)]
    spellings = [*tokens, *printable]
    values = [
        ("general.architecture", _text("llama")),
        ("llama.embedding_length", _uint32(width)),
        ("llama.block_count", _uint32(LAYERS)),
        ("llama.feed_forward_length", _uint32(2 * width)),
        ("llama.attention.head_count", _uint32(HEADS)),
        ("llama.attention.head_count_kv", _uint32(KEPT_HEADS)),
        *([("llama.attention.key_length", _uint32(head))] if head else []),
        ("tokenizer.ggml.model", _text("gpt2")),
        ("tokenizer.ggml.tokens", _list(STRING, [_string(one) for one in spellings])),
        (
            "tokenizer.ggml.token_type",
            _list(INT32, [struct.pack("<i", CONTROL if one in tokens else NORMAL) for one in spellings]),
        ),
        ("tokenizer.ggml.eos_token_id", _uint32(1)),
    ]
    head = struct.pack("<4sIQQ", b"GGUF", 3, 0, len(values))
    path.write_bytes(head + b"".join(_string(key) + value for key, value in values))
    return path


def _string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _text(text):
    return struct.pack("<I", STRING) + _string(text)


def _uint32(number):
    return struct.pack("<II", UINT32, number)


def _list(kind, packed):
    return struct.pack("<IIQ", LIST, kind, len(packed)) + b"".join(packed)
