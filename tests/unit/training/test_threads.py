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
    threads.wait_briefly()
    assert os.environ.get("GOMP_SPINCOUNT") == spins
