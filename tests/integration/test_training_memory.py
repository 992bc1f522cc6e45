"""What a trainer used goes back to the machine: the engine serves beside this process for days."""

import subprocess

import pytest
from support.child_python import python_child

from insource.training.memory import KERNELS as LIMITS

USE_AND_RELEASE = """
import sys, torch
from insource.training.memory import release

def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

blocks = [torch.ones(16_000) for _ in range(8_000)]  # 512 MB in pieces too small to be mapped alone
last, used = blocks[-1], resident_bytes()
blocks.append(blocks)  # a cycle, as between a trainer and its callbacks
del blocks
kept = resident_bytes()
release()
print(used, kept, resident_bytes())
"""


@pytest.mark.model
def test_memory_goes_back_to_the_machine():
    used, kept, left = map(int, subprocess.check_output(**python_child(USE_AND_RELEASE)).split())
    assert used - kept < 100e6  # what nobody refers to is not given back by itself
    assert used - left > 400e6


PEAK = """
import torch
from insource.training.memory import peak_memory, release

def used(megabytes):
    block = torch.ones(megabytes * 250_000)
    return float(block[0])

used(600)
release()
with peak_memory() as peak:
    before = peak()
    used(200)
    print(before, peak())
"""


@pytest.mark.model
def test_the_peak_is_that_of_the_block():
    before, peak = map(int, subprocess.check_output(**python_child(PEAK)).split())
    assert peak - before > 150e6  # what the block used
    assert peak - before < 400e6  # and not what was used before it


KERNELS = """
import resource, sys, torch
from insource.training.memory import keep_few_kernels

def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

if sys.argv[1] == "few":
    keep_few_kernels()
weights = torch.ones(256, 256, dtype=torch.bfloat16)
before = resident_bytes()
for tokens in range(1, 1_200):
    torch.nn.functional.linear(torch.ones(tokens, 256, dtype=torch.bfloat16), weights)
print(resident_bytes() - before, int(torch.ops.mkldnn._is_mkldnn_bf16_supported()))
"""


def kernels(how):
    """Return what the kernels take, and whether there are any; the limits of this process do not count."""
    child = python_child(KERNELS, how)
    child["env"] = {name: value for name, value in child["env"].items() if name not in LIMITS}
    return map(int, subprocess.check_output(**child).split())


@pytest.mark.model
def test_lengths_that_differ_do_not_fill_the_memory_with_kernels():
    (many, native), (few, _) = kernels("many"), kernels("few")
    if not native:
        pytest.skip("this CPU compiles no kernels for bfloat16")
    assert many > 400e6
    assert few < many / 2
