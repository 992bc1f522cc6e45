"""Precision, checkpointing and micro-batch by the memory there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recipes import CARD, GIB, LAPTOP, SMOLLM2_135M, recipe, rows

from insource.training.planning.machine import cpu_memory
from insource.training.planning.shape import ModelShape

GB = 1e9
EIGHT_BILLION = ModelShape(
    layers=32, hidden=4096, feed_forward=14336, vocabulary=128256, heads=32, query=4096, key_value=1024
)


def free(machine, gib):
    return machine.model_copy(update={"free_bytes": round(gib * GIB)})


@pytest.mark.parametrize("longest", [120, 276, 555, 1000])
def test_the_default_run_fits_in_four_gigabytes(longest):
    made = recipe(rows(400, mean=0.9 * longest, longest=longest))
    assert made.fits
    assert made.memory.needed <= 4 * GB
    assert made.micro_batch_tokens >= longest


def test_wide_micro_batches_first_then_narrow_ones_then_checkpointing():
    long = rows(400, mean=480, longest=500)
    made = [recipe(long, max_memory_gb=limit) for limit in (4, 2.5, 1.6)]
    assert made[0].micro_batch_tokens > made[1].micro_batch_tokens
    assert [one.checkpointing for one in made] == [False, False, True]
    assert all(one.fits for one in made)


def test_more_than_four_gigabytes_only_where_they_are_needed():
    assert recipe(shape=SMOLLM2_135M).available_bytes == round(4 * GB)
    big = recipe(shape=EIGHT_BILLION, machine=free(LAPTOP, 40))
    assert big.fits
    assert big.memory.total > 4 * GB


@pytest.mark.parametrize(
    ("gib", "checkpointing", "fits"), [(80, False, True), (23, True, True), (12, True, False)]
)
def test_an_eight_billion_model_on_a_card(gib, checkpointing, fits):
    data = rows(400, mean=1800, longest=2048)
    made = recipe(data, shape=EIGHT_BILLION, machine=free(CARD, gib))
    assert (made.checkpointing, made.fits) == (checkpointing, fits)


def test_full_fine_tuning_on_a_card_gives_up_exact_weights_last():
    one_billion = EIGHT_BILLION.model_copy(update={"layers": 3})
    exact = recipe(shape=one_billion, machine=free(CARD, 79), method="full")
    assert (exact.precision, exact.optimizer) == ("float32", "adamw")
    less = recipe(shape=one_billion, machine=free(CARD, 14), method="full")
    assert (less.precision, less.optimizer) == ("bfloat16", "paged_adamw_8bit")
    assert less.fits


@given(
    longest=st.integers(8, 2048),
    examples=st.integers(1, 5000),
    gib=st.floats(0.3, 100),
    machine=st.sampled_from([LAPTOP, CARD]),
    method=st.sampled_from(["lora", "rslora", "dora", "full"]),
)
def test_what_is_planned_fits_or_says_that_it_does_not(longest, examples, gib, machine, method):
    data = rows(examples, mean=0.7 * longest, longest=longest, answer=0.2 * longest)
    made = recipe(data, machine=free(machine, gib), method=method)
    assert made.fits == (made.memory.needed <= made.available_bytes)
    assert made.available_bytes <= max(4 * GB, gib * GIB) + 1
    more = recipe(data, machine=free(machine, 2 * gib), method=method)
    assert more.fits or not made.fits


INFO = "MemTotal:       16000000 kB\nMemFree:  100 kB\nMemAvailable:    9000000 kB\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, (16_000_000 * 1024, 9_000_000 * 1024)),
        ({"memory.max": "max\n", "memory.current": "5\n"}, (16_000_000 * 1024, 9_000_000 * 1024)),
        ({"memory.max": "4000000000", "memory.current": "1000000000"}, (4_000_000_000, 3_000_000_000)),
        (
            {
                "memory.max": "4000000000",
                "memory.current": "3000000000",
                "memory.stat": "anon 5\ninactive_file 2000000000\n",
            },
            (4_000_000_000, 3_000_000_000),
        ),
        (
            {"memory/memory.limit_in_bytes": "4000000000", "memory/memory.usage_in_bytes": "1500000000"},
            (4_000_000_000, 2_500_000_000),
        ),
        (
            {"memory/memory.limit_in_bytes": str(2**63 - 4096), "memory/memory.usage_in_bytes": "1"},
            (16_000_000 * 1024, 9_000_000 * 1024),
        ),
    ],
)
def test_a_container_s_limit_is_the_machine_s_memory(tmp_path, files, expected):
    info = tmp_path / "meminfo"
    info.write_text(INFO)
    (tmp_path / "group" / "memory").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / "group" / name).write_text(text)
    assert cpu_memory(info, tmp_path / "group") == expected
