"""Processes of a run that end before they are asked."""

import subprocess
import sys
import tempfile
from multiprocessing.connection import Pipe

import pytest

from insource.foundation.errors import ProviderError
from insource.training.launch.processes import Process, _send


def test_one_that_died_before_it_got_its_work_is_named_with_its_last_lines():
    ours, theirs = Pipe()
    with tempfile.TemporaryFile() as log, ours:
        child = subprocess.Popen([sys.executable, "-c", "print('no torch'); raise SystemExit(7)"], stdout=log)
        theirs.close()
        child.wait()
        with pytest.raises(ProviderError) as caught:
            _send([Process(child, ours, log)], 0, "work")
    assert caught.value.code == "training-process-died"
    assert "Process 1 of 1 of the training ended with code 7" in caught.value.message
    assert caught.value.details == ("no torch",)
