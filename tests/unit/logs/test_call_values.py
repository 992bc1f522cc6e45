"""The public keywords and the values that they make have the same fields."""

from typing import get_type_hints

import pytest

from insource import Recorder
from insource.logs.call_values import CallEnd, CallStart, EndFields, StartFields
from insource.logs.recorder import Recording


def test_the_keywords_are_the_fields_of_the_values():
    start, end = get_type_hints(StartFields), get_type_hints(EndFields)
    assert start == {name: hint for name, hint in get_type_hints(CallStart).items() if name != "request"}
    assert end == get_type_hints(CallEnd)


def test_every_keyword_is_named_where_users_look():
    assert all(f"``{name}``" in Recorder.begin.__doc__ for name in StartFields.__annotations__)
    assert all(f"``{name}``" in Recording.end.__doc__ for name in EndFields.__annotations__)


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
