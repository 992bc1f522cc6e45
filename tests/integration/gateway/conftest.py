"""What most tests of the gateway start from: a provider on loopback, and a recorder."""

import pytest
from support.asking import ANSWER
from support.upstream_kit import RawUpstream, always, reply

from insource.logs.recorder import Recorder


@pytest.fixture
def upstream():
    with RawUpstream(always(reply(ANSWER))) as running:
        yield running


@pytest.fixture
def recorder(tmp_path):
    with Recorder.open(tmp_path) as opened:
        yield opened
