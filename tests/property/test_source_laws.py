"""For any content of any source: every record is a row or dropped with a reason, twice the same."""

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from insource.config.dataset import CallsSection, DatasetSection
from insource.contract.canonical_form import canonical_target
from insource.contract.grammar import compile_grammar
from insource.contract.infer import infer_schema
from insource.contract.validate import violations
from insource.dataset.rows.staged import staged
from insource.dataset.sources.calls import LoggedCalls
from insource.dataset.sources.choose import choose_source
from insource.dataset.sources.documents import Documents
from insource.foundation.errors import DataError
from insource.logs.query import Log
from insource.store.calls.calls import insert_calls
from insource.types import Call, Dropped, Row

TOKENIZER = LLTokenizer("byte")
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalar = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), text)
value = st.recursive(
    scalar,
    lambda sub: st.one_of(st.lists(sub, max_size=3), st.dictionaries(text, sub, max_size=3)),
    max_leaves=6,
)
message = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", 1]), "content": value},
    optional={"weight": st.sampled_from([0, 1]), "tool_calls": value},
)
records = st.lists(
    st.one_of(
        st.fixed_dictionaries({"input": value, "output": value}, optional={"id": scalar, "split": scalar}),
        st.fixed_dictionaries({"messages": st.one_of(st.lists(message, max_size=4), value)}),
        st.fixed_dictionaries(
            {"prompt": st.one_of(value, st.lists(message, max_size=3)), "completion": value}
        ),
    ),
    max_size=8,
)


def counted(source, tmp_path):
    """Rows and drops of a reading, checked against a second one; None when there is nothing."""
    first = list(source)
    assert [item.model_dump() for item in first] == [item.model_dump() for item in source]
    if not first:
        with pytest.raises(DataError, match="has no rows"), staged(source, tmp_path / "work"):
            pass
        return 0
    with staged(source, tmp_path / "work") as rows:
        assert rows.read == len(rows) + len(rows.dropped) == len(first)
    return len(first)


@QUICK
@given(records, st.sampled_from(["rows", "chat", "completion"]), st.sampled_from(["drop", "last", "render"]))
def test_json_lines_of_any_shape(tmp_path, found, form, conversations):
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in found), encoding="utf-8")
    section = DatasetSection(format=form, conversations=conversations, teacher="a/b")
    source = choose_source(section, path, workspace=tmp_path, task="t").source
    assert counted(source, tmp_path) == len(found)


@QUICK
@given(st.lists(st.tuples(text, text, text), max_size=8), st.sampled_from(["", "utf-16", "utf-8"]))
def test_csv_that_is_well_formed_loses_nothing(tmp_path, cells, encoding):
    clean = [[cell.replace("\0", "").replace("\r", "") for cell in row] for row in cells]
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["input", "output", "id"], *clean])
    path = tmp_path / "d.csv"
    path.write_bytes(file.getvalue().encode(encoding or "utf-8"))
    section = DatasetSection(format="rows", encoding="" if encoding == "utf-16" else encoding)
    assert counted(choose_source(section, path, workspace=tmp_path, task="t").source, tmp_path) == len(cells)


@QUICK
@given(
    st.binary(max_size=60), st.sampled_from(["d.csv", "d.json", "d.parquet", "d.arrow", "d", "d.jsonl.gz"])
)
def test_any_bytes_are_rows_or_drops(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(b"input,output\n" + content if name == "d.csv" else content)
    counted(choose_source(DatasetSection(format="rows"), path, workspace=tmp_path, task="t").source, tmp_path)


@QUICK
@given(st.lists(st.sampled_from(['"', "a", ",", "\n", "x,y\n", '"q","r"\n']), max_size=40).map("".join))
def test_broken_quoting_never_takes_good_lines_along(tmp_path, noise):
    path = tmp_path / "d.csv"
    path.write_text(
        f'input,output\n{noise.replace(chr(34), "")}\n"{noise.replace(chr(34), "")}\nlast,row\n',
        encoding="utf-8",
    )
    source = choose_source(DatasetSection(format="rows"), path, workspace=tmp_path, task="t").source
    assert [item.output for item in source if isinstance(item, Row)][-1] == "row"
    path.write_text(f"input,output\n{noise}", encoding="utf-8")
    counted(source, tmp_path)


@QUICK
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from([".txt", ".pdf", ".docx", ".eml", ".html", ".json", ".label", ".png"]),
        ),
        st.one_of(st.binary(max_size=40), text.map(str.encode)),
        max_size=8,
    )
)
def test_any_folder_of_documents(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("documents")
    for (stem, suffix), content in files.items():
        (folder / f"{stem}{suffix}").write_bytes(content)
    items = list(Documents(folder))
    documents = sum(suffix in (".txt", ".pdf", ".docx", ".eml", ".html") for _, suffix in files)
    orphans = sum(isinstance(item, Dropped) and item.reason == "missing-document" for item in items)
    assert len(items) == documents + orphans
    counted(Documents(folder), folder.parent)


@settings(QUICK, max_examples=25)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "request": st.one_of(
                    st.fixed_dictionaries({"messages": st.lists(message, max_size=4)}),
                    st.dictionaries(text, value, max_size=3),
                )
            },
            optional={
                "response_text": text,
                "outcome": st.sampled_from(["ok", "error", "interrupted"]),
                "simulated": st.booleans(),
                "endpoint": st.sampled_from(["chat", "embeddings", ""]),
                "response": st.one_of(st.none(), st.dictionaries(text, value, max_size=2)),
            },
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["drop", "last", "render"]),
)
def test_any_log(tmp_path_factory, calls, conversations):
    root = tmp_path_factory.mktemp("log")
    (root / "spool").mkdir()
    with Log(root) as log, log.database.write() as connection:
        made = [
            Call(call_id=f"c{n}", started_at="2026-11-20T10:00:00Z", task="t", model_asked="m", **fields)
            for n, fields in enumerate(calls)
        ]
        insert_calls(connection, made)
    source = LoggedCalls(root, CallsSection(), task="t", conversations=conversations)
    assert counted(source, root) == len(calls)
    simulated = {call.call_id for call in made if call.simulated}
    assert not simulated & {item.row_id for item in source if isinstance(item, Row)}


CODE = st.tuples(
    st.sampled_from(["A", "INV-", "x.", "No (", "7+"]),
    st.integers(1, 5),
    st.sampled_from(["", " kg", ")", "/B"]),
)


@pytest.mark.parametrize("padded", [False, True])
@settings(QUICK, max_examples=20)
@given(CODE, st.lists(st.integers(0, 10**6), min_size=100, max_size=130))
def test_the_grammar_takes_every_value_of_an_inferred_pattern(padded, code, numbers):
    before, width, behind = code
    documents = [{"v": f"{before}{number:0{width if padded else 1}}{behind}"} for number in numbers]
    schema = infer_schema(documents)
    grammar = compile_grammar(schema)
    assert grammar.dropped_keywords == ()
    for found in documents[:25]:
        target = canonical_target(found, schema)
        assert violations(found, schema) == ()
        matcher = LLMatcher(TOKENIZER, grammar.text, log_level=0)
        tokens = list(target.encode())
        assert matcher.try_consume_tokens(tokens) == len(tokens), (target, schema)
        assert matcher.is_accepting()
