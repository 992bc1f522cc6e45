"""A wall clock that is set back moves no duration and loses no call."""

from datetime import UTC, datetime, timedelta

from insource.logs.query import Log
from insource.logs.recorder import Recorder
from insource.store.database import open_database
from insource.store.spool.writer import Spool

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class JumpingClock:
    """Its wall time is set; its monotonic time goes on by a second a look, whatever the wall says."""

    def __init__(self):
        self.wall = NOON
        self.seconds = 0.0

    def now(self):
        return self.wall

    def monotonic(self):
        self.seconds += 1
        return self.seconds


def test_a_clock_set_back_by_a_day(tmp_path):
    clock = JumpingClock()
    with open_database(tmp_path / "insource.db") as database:
        recorder = Recorder(Spool(tmp_path / "spool"), database, clock=clock)
        first = recorder.begin({}, model_asked="first")
        clock.wall = NOON - timedelta(days=1)  # while the call is under way
        first.chunk("a ")
        first.end()
        recorder.begin({}, model_asked="second").end()
        recorder.flush()
        clock.wall = NOON + timedelta(minutes=1)
        recorder.begin({}, model_asked="third").end()
        recorder.close()
    with Log(tmp_path) as log:
        calls = list(log.calls())
        assert [call.model_asked for call in calls] == ["second", "first", "third"]  # by the clock's own word
        assert [call.latency_s for call in calls] == [1.0, 2.0, 1.0]
        assert calls[1].first_token_s == 1.0
        days = {line.group["day"]: line.calls for line in log.stats("day")}
        assert days == {"2026-11-19": 1, "2026-11-20": 2}
        assert [call.model_asked for call in log.calls(since=NOON)] == ["first", "third"]
