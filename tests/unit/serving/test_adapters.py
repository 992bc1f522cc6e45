"""Which tasks share an engine, and what it then has room for."""

from pathlib import Path

import pytest

from insource.serving.adapters import Engines
from insource.serving.engine import EngineSettings

HERE = EngineSettings(gguf=Path("base.gguf"), adapters=(Path("a.gguf"),), privacy="cloud-allowed")
THERE = HERE.model_copy(update={"kind": "vllm", "url": "http://gpu.example:8000", "model": "base"})


@pytest.mark.parametrize(
    ("settings", "change", "shared"),
    [
        (HERE, {"adapters": (Path("b.gguf"),)}, True),
        (HERE, {"privacy": "local-only"}, True),  # the engine is on this machine
        (HERE, {"gguf": Path("other.gguf")}, False),
        (THERE, {"adapters": (Path("b.gguf"),)}, True),
        (THERE, {"privacy": "local-only"}, False),  # else its documents would leave by the other's connection
        (THERE, {"api_key_env": "KEY"}, False),
        (THERE, {"url": "http://gpu.example:8001"}, False),
        (THERE, {"model": "other"}, False),
        (THERE, {"kind": "llama-server"}, False),
    ],
)
def test_tasks_share_an_engine_that_both_may_ask(settings, change, shared):
    engines = Engines()
    one, other = engines.of(settings), engines.of(settings.model_copy(update=change))
    assert (one is other, one.name == other.name) == (shared, shared)


@pytest.mark.parametrize(
    ("field", "one", "other", "both"),
    [
        ("context_tokens", 512, 2048, 2048),
        ("slots", 4, 1, 4),
        ("threads", 1, 2, 2),
        ("threads", 1, None, None),
        ("memory_limit_bytes", None, 5, 5),
        ("memory_limit_bytes", 7, 5, 5),
    ],
)
def test_an_engine_has_room_for_all_its_tasks_within_the_least_that_one_allows(field, one, other, both):
    for first, second in ((one, other), (other, one)):
        engine = Engines().of(HERE.model_copy(update={field: first}))
        assert engine.join(HERE.model_copy(update={field: second})) == "a.gguf"
        assert getattr(engine.settings, field) == both
