import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.routing.json_spans import json_spans

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def leaf_values(value):
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaf_values(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaf_values(item)]
    return [value]


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_every_leaf_is_found_where_it_stands(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        text.decode()
    except UnicodeDecodeError:
        return  # lone surrogates are not UTF-8
    spans = json_spans(text)
    assert [json.loads(text[s.start : s.end]) for s in spans if s.leaf] == leaf_values(value)
    assert json.loads(text[spans[-1].start : spans[-1].end]) == value


def test_paths_name_keys_and_positions():
    text = '{"a":{"é":"x"},"l":[1,{"q":null}],"e":[]}'.encode()
    found = {span.path: text[span.start : span.end].decode() for span in json_spans(text)}
    assert found["a.é"] == '"x"'
    assert found["l[1].q"] == "null"
    assert found["e"] == "[]"
    assert found[""] == text.decode()


@pytest.mark.parametrize("text", [b"", b"{", b'{"a":NaN}', b"[1,]", b"\xff", b"[" * 100_000 + b"]" * 100_000])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        json_spans(text)
