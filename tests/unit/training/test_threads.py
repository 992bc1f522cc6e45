"""Torch's threads wait briefly for each other, unless the user's environment says otherwise."""

import os

import pytest

from insource.training import threads


@pytest.mark.parametrize(
    ("given", "spins"),
    [
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, None),
    ],
)
def test_the_users_environment_takes_precedence(monkeypatch, given, spins):
    monkeypatch.setattr(os, "environ", dict(given))
    threads.settle()
    assert os.environ.get("GOMP_SPINCOUNT") == spins


@pytest.mark.parametrize(
    ("given", "cores", "number"),
    [({}, 1, "1"), ({}, 8, None), ({"OMP_NUM_THREADS": "5"}, 1, "5")],
)
def test_a_quota_of_cores_is_heeded(monkeypatch, given, cores, number):
    monkeypatch.setattr(os, "environ", dict(given))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    threads.settle()
    assert os.environ.get("OMP_NUM_THREADS") == number
