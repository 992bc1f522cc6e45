import pytest
from support.gguf_files import HEADS, KEPT_HEADS, LAYERS, WIDTH, write_gguf

from insource.foundation.errors import PrerequisiteError, UserError
from insource.serving import memory
from insource.serving.engine import EngineSettings
from insource.serving.memory import Need, need, require_memory, slots_that_fit


@pytest.fixture
def settings(tmp_path):
    return EngineSettings(gguf=write_gguf(tmp_path / "m.gguf"), threads=1, context_tokens=1000, slots=2)


def test_the_context_takes_keys_and_values_of_every_layer_and_slot(settings):
    kept_width = WIDTH * KEPT_HEADS // HEADS
    assert need(settings).cache == 2 * LAYERS * kept_width * 2 * 1000 * 2


def test_a_head_is_as_wide_as_the_file_says(tmp_path):
    """Qwen3-0.6B has 16 heads of 128 on a hidden size of 1,024: twice as many keys as its width tells."""
    wide = EngineSettings(gguf=write_gguf(tmp_path / "m.gguf", head=32), threads=1, context_tokens=100)
    assert need(wide).cache == 2 * LAYERS * KEPT_HEADS * 32 * 2 * 100


def test_weights_are_the_files_of_base_and_adapters(settings, tmp_path):
    adapter = tmp_path / "a.gguf"
    adapter.write_bytes(b"x" * 5000)
    both = settings.model_copy(update={"adapters": (adapter,)})
    assert need(both).weights == need(settings).weights + 5000


def test_what_does_not_fit_is_refused_with_the_numbers_and_what_fits(settings, monkeypatch):
    long = settings.model_copy(update={"context_tokens": 10_000_000, "slots": 1})
    needed = need(long)
    monkeypatch.setattr(memory, "free_bytes", lambda: needed.total - needed.cache // 2)
    with pytest.raises(PrerequisiteError) as caught:
        require_memory(long)
    assert caught.value.code == "not-enough-memory"
    assert f"{needed.total / 1e9:.1f} GB" in caught.value.message
    assert "context_tokens = 5000000" in caught.value.hint
    require_memory(long.model_copy(update={"context_tokens": 4_999_000}))


def test_a_limit_counts_instead_of_what_is_free(settings, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 0)
    roomy = settings.model_copy(update={"memory_limit_bytes": need(settings).total})
    require_memory(roomy)
    with pytest.raises(PrerequisiteError, match="memory_limit_gb"):
        require_memory(settings.model_copy(update={"memory_limit_bytes": need(settings).total - 1}))


def test_a_machine_that_does_not_say_refuses_nothing(settings, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    require_memory(settings)


def test_a_control_group_with_less_than_the_machine_counts(tmp_path, monkeypatch):
    limit, used = tmp_path / "max", tmp_path / "current"
    limit.write_text("5000\n")
    used.write_text("2000\n")
    monkeypatch.setattr(memory, "CGROUPS", ((limit, used),))
    assert memory.free_bytes() == 3000
    limit.write_text("max\n")
    assert memory.free_bytes() > 3000


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no model at all, whatever its name says"])
def test_a_damaged_file_is_named_before_the_engine_reads_it(tmp_path, content):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(content)
    with pytest.raises(UserError) as caught:
        require_memory(EngineSettings(gguf=broken, threads=1))
    assert caught.value.code == "model-unreadable"
    assert "broken.gguf" in caught.value.message


def test_the_need_is_the_sum_of_its_parts():
    assert Need(1, 2, 3).total == 6


@pytest.mark.parametrize(("spare", "slots"), [(10.0, 4), (2.0, 4), (0.5, 1)])
def test_more_documents_at_once_where_half_of_the_memory_holds_them(settings, monkeypatch, spare, slots):
    four = need(settings.model_copy(update={"slots": 4})).total
    monkeypatch.setattr(memory, "free_bytes", lambda: int(spare * four) + 1)
    assert slots_that_fit(settings) == slots


def test_the_memory_of_an_engine_elsewhere_is_not_judged_by_this_machine(settings, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 0)
    elsewhere = settings.model_copy(update={"kind": "vllm", "url": "http://127.0.0.1:8000"})
    assert (slots_that_fit(settings), slots_that_fit(elsewhere)) == (1, 4)
