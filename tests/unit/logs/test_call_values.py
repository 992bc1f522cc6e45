"""The public keywords and the values that they make have the same fields."""

import pytest

from insource import Recorder
from insource.logs.call_values import CallEnd, CallStart, EndFields, StartFields


def test_the_keywords_are_the_fields_of_the_values():
    assert set(StartFields.__annotations__) == set(CallStart.__struct_fields__) - {"request"}
    assert set(EndFields.__annotations__) == set(CallEnd.__struct_fields__)


def test_keywords_and_values_record_the_same(tmp_path):
    with Recorder.open(tmp_path) as recorder:
        by_keywords = recorder.begin({"n": 1}, model_asked="m", task="specs", tags={"row": "1"})
        by_keywords.end(response_text="text", status=200, latency_s=0.5)
        start = CallStart(request={"n": 1}, model_asked="m", task="specs", tags={"row": "1"})
        by_value = recorder.begin_call(start)
        by_value.end_call(CallEnd(response_text="text", status=200, latency_s=0.5))
        same = {"call_id": "", "started_at": by_value.call.started_at}
        assert by_keywords.call.model_copy(update=same) == by_value.call.model_copy(update=same)


def test_an_unknown_keyword_is_refused(tmp_path):
    with Recorder.open(tmp_path) as recorder:
        with pytest.raises(TypeError):
            recorder.begin({}, model_asked="m", colour="red")
        with pytest.raises(TypeError):
            recorder.begin({})
        recording = recorder.begin({}, model_asked="m")
        with pytest.raises(TypeError):
            recording.end(colour="red")
        recording.end()
