"""A GGUF header that lies is refused with the reason, before any native code reads it."""

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.foundation.errors import IntegrityError, UserError
from insource.models.gguf_metadata import BLOCKS, read_header, require_fit, require_sound
from insource.serving.engine import EngineSettings
from insource.serving.engines.llamacpp import LlamaCppEngine

F32, Q4_K, UINT32, STRING, LIST = 0, 12, 4, 8, 9


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(value)) + value


def entry(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


def tensor(name="a.weight", shape=(32,), kind=F32, offset=0):
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


NAME = entry("general.name", STRING, text("tiny"))


ONE = tensor()


def gguf(entries=(NAME,), tensors=(ONE,), *, counts=None, data=128, magic=b"GGUF", version=3):
    counted = counts or (len(tensors), len(entries))
    head = struct.pack("<4sIQQ", magic, version, *counted) + b"".join((*entries, *tensors))
    return head + bytes(-len(head) % 32) + bytes(data)


HUGE = 2**63
HOSTILE = {
    "another format": gguf(magic=b"PK\3\4"),
    "an old version": gguf(version=1),
    "the other byte order": struct.pack(">4sIQQ", b"GGUF", 3, 0, 0),
    "more tensors than the file can hold": gguf(counts=(HUGE, 1)),
    "more metadata than the file can hold": gguf(counts=(1, HUGE)),
    "a count that wraps around": gguf(counts=(2**64 - 1, 2**64 - 1)),
    "a key without end": gguf([struct.pack("<Q", HUGE) + b"x"]),
    "a text without end": gguf([entry("k", STRING, struct.pack("<Q", HUGE))]),
    "a list without end": gguf([entry("k", LIST, struct.pack("<IQ", UINT32, HUGE))]),
    "a list of texts without end": gguf([entry("k", LIST, struct.pack("<IQ", STRING, HUGE))]),
    "lists in lists": gguf([entry("k", LIST, struct.pack("<IQ", LIST, 1) * 9 + bytes(64))]),
    "an unknown type": gguf([entry("k", 77, bytes(8))]),
    "a key twice": gguf([NAME, NAME]),
    "no alignment": gguf([entry("general.alignment", UINT32, struct.pack("<I", 0))]),
    "an odd alignment": gguf([entry("general.alignment", UINT32, struct.pack("<I", 33))]),
    "an alignment that is a text": gguf([entry("general.alignment", STRING, text("32"))]),
    "a name that the engine cannot hold": gguf(tensors=[tensor("x" * 64)]),
    "a name of control characters": gguf(tensors=[tensor("a\x1b[2J")]),
    "a name with a zero": gguf(tensors=[tensor("a\0b")]),
    "no name": gguf(tensors=[tensor("")]),
    "a name twice": gguf(tensors=[tensor(), tensor(offset=128)], data=256),
    "no dimensions": gguf(tensors=[text("a") + struct.pack("<IIQ", 0, F32, 0)]),
    "too many dimensions": gguf(tensors=[tensor(shape=(1,) * 5)]),
    "a width of zero": gguf(tensors=[tensor(shape=(0, 32))]),
    "widths that wrap around": gguf(tensors=[tensor(shape=(2**32, 2**32))]),
    "an unknown kind of weights": gguf(tensors=[tensor(kind=999)]),
    "half a block": gguf(tensors=[tensor(shape=(32,), kind=Q4_K)]),
    "data beyond the end": gguf(data=127),
    "an offset beyond the end": gguf(tensors=[tensor(offset=HUGE)]),
    "an offset between": gguf(tensors=[tensor(offset=4)], data=256),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.gguf"


def test_a_sound_file_is_read(path):
    path.write_bytes(gguf())
    require_sound(path)
    header = read_header(path, ["general.name"])
    assert header.values == {"general.name": "tiny"}
    assert header.tensors["a.weight"].size == 128


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        require_sound(path)
    assert caught.value.code == "model-unreadable"
    assert str(path) in caught.value.message


@pytest.mark.parametrize("role", ["gguf", "adapters"])
def test_the_engine_does_not_start_on_one(path, tmp_path, role):
    path.write_bytes(HOSTILE["widths that wrap around"])
    sound = tmp_path / "sound.gguf"
    sound.write_bytes(gguf())
    files = {"gguf": sound, "adapters": ()} | {role: path if role == "gguf" else (path,)}
    engine = LlamaCppEngine(EngineSettings(threads=1, **files))
    with pytest.raises(UserError, match="cannot be read"):
        engine.start()
    assert not engine.alive


def adapter(layer="a.weight", widths=(32, 4)):
    return gguf(
        [entry("general.architecture", STRING, text("llama"))],
        [tensor(f"{layer}.lora_a", (widths[0], 2)), tensor(f"{layer}.lora_b", (2, widths[1]), offset=512)],
        data=1024,
    )


BASE = gguf([entry("general.architecture", STRING, text("llama"))], [tensor(shape=(32, 4))], data=512)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (adapter(), ""),
        (adapter("b.weight"), "has no layer `b.weight`"),
        (adapter(widths=(64, 4)), "`a.weight` is 64 wide in the adapter and 32 in the base model"),
        (adapter(widths=(32, 8)), "`a.weight` is 8 wide in the adapter and 4 in the base model"),
        (adapter().replace(b"llama", b"qwen2"), "it is for qwen2, the base model is llama"),
    ],
)
def test_an_adapter_of_another_base_is_refused(path, tmp_path, content, reason):
    base = tmp_path / "base.gguf"
    base.write_bytes(BASE)
    path.write_bytes(content)
    if not reason:
        require_fit(path, base)
        return
    with pytest.raises(IntegrityError, match=re.escape(reason)) as caught:
        LlamaCppEngine(EngineSettings(gguf=base, adapters=(path,), threads=1)).start()
    assert caught.value.code == "adapter-of-another-base"


@given(place=st.integers(0, len(gguf()) - 1), value=st.integers(0, 255), cut=st.integers(0, len(gguf())))
def test_whatever_byte_is_wrong_nothing_but_a_refusal_comes(tmp_path_factory, place, value, cut):
    content = bytearray(gguf())
    content[place] = value
    path = tmp_path_factory.getbasetemp() / "mutated.gguf"
    for whole in (bytes(content), bytes(content[:cut])):
        path.write_bytes(whole)
        try:
            found = read_header(path)
        except ValueError:
            continue
        else:
            assert all(one.size <= len(whole) for one in found.tensors.values())


def test_the_sizes_of_blocks_are_those_of_the_gguf_package():
    gguf_package = pytest.importorskip("gguf")
    assert {int(kind): sizes for kind, sizes in gguf_package.GGML_QUANT_SIZES.items()} == BLOCKS
