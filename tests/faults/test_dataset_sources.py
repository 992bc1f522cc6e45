"""Bad data of every kind at the command line: named by file and line, and the rest goes on."""

import json
import os

import pytest
from support.made_documents import form, pdf
from support.made_word import paragraph, run, word_xml

DROP = "[dataset]\non_bad_rows = 'drop'\n"


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def configure(folder, path, more="", section="[dataset]\n"):
    text = f"{section}path = {json.dumps(path)}\non_bad_rows = 'drop'\n{more}"
    (folder / "insource.toml").write_text(text, encoding="utf-8")


def built(folder, insource):
    """The manifest of the dataset, its drops as (line, reason) and what was said."""
    done = insource("dataset", "build", "--json")
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)
    (dropped,) = folder.glob(f".insource/datasets/*@{manifest['digest'][:12]}/dropped.jsonl")
    drops = [json.loads(line) for line in dropped.read_text(encoding="utf-8").splitlines()]
    assert manifest["read"] == sum(manifest["counts"].values()) + len(drops)
    return manifest, [(drop["line"], drop["reason"]) for drop in drops], done.stderr


def test_a_file_that_is_not_there_or_may_not_be_read(tmp_path, refuses):
    configure(tmp_path, "gone.csv")
    assert "gone.csv cannot be read: No such file" in refuses("dataset", "build", code="rows-unreadable")
    write(tmp_path, "no.csv", "input,output\n").chmod(0)
    configure(tmp_path, "no.csv")
    if os.getuid():  # root may read everything
        assert "Permission denied" in refuses("dataset", "build", code="rows-unreadable")


def test_a_wrong_encoding(tmp_path, insource, refuses):
    rows = [f"Ticket {n},x\n".encode() for n in range(12)]
    rows[4] = "Größe,x\n".encode("cp1252")
    write(tmp_path, "d.csv", b"input,output\n" + b"".join(rows))
    configure(tmp_path, "d.csv")
    _, drops, _ = built(tmp_path, insource)
    assert drops == [(6, "bad-utf8")]
    (tmp_path / "insource.toml").write_text('[dataset]\npath = "d.csv"\n', encoding="utf-8")
    said = refuses("dataset", "build", code="bad-rows")
    assert "d.csv:6: bad-utf8: not UTF-8; name the file's encoding in `[dataset] encoding`" in said
    configure(tmp_path, "d.csv", "encoding = 'cp1252'\n")
    assert built(tmp_path, insource)[1] == []
    configure(tmp_path, "d.csv", "encoding = 'cp1253x'\n")
    refuses("dataset", "build", code="unknown-encoding")


def test_broken_quoting(tmp_path, insource):
    rows = [f'"Ticket {n}","x"' for n in range(12)]
    rows[3] = '"never closed,x'
    rows[7] = '"closed "too" early",x'
    rows[11] = '"never closed at the end,x'
    write(tmp_path, "d.csv", "\n".join(['"input","output"', *rows]) + "\n")
    configure(tmp_path, "d.csv")
    manifest, drops, _ = built(tmp_path, insource)
    assert drops == [(5, "invalid-csv"), (9, "invalid-csv"), (13, "invalid-csv")]
    assert sum(manifest["counts"].values()) == 9


def test_mixed_schemas(project, insource):
    rows = [{"input": f"d{n}", "output": {"n": n}} for n in range(20)]
    rows[5]["output"] = {"n": "five", "m": None}
    rows[9]["output"] = "just a label"
    rows[11]["output"] = [1, 2]
    folder = project(rows, DROP)
    manifest, drops, _ = built(folder, insource)
    assert drops == [(10, "not-an-object"), (12, "not-an-object")]
    properties = manifest["output"]["definition"]["properties"]
    assert properties["n"]["type"] == ["string", "integer"]
    assert list(properties) == ["n", "m"]


def test_empty_labels_and_duplicate_ids(project, rows, insource):
    lines = rows.tickets(12)
    lines[2]["output"] = "  "
    lines[3]["output"] = None
    lines[4]["id"] = "t0"
    folder = project(lines, DROP)
    _, drops, _ = built(folder, insource)
    assert drops == [(3, "missing-output"), (4, "missing-output"), (5, "duplicate-id")]


def test_ten_thousand_classes(project, insource):
    lines = [{"input": f"d{n}", "output": f"class {n % 10_000}"} for n in range(20_000)]
    folder = project(lines, DROP)
    manifest, drops, said = built(folder, insource)
    assert drops == []
    assert manifest["output"] == {"kind": "text"}
    assert "More than 1,000 different short answers: taken as free text" in said
    names = json.dumps([f"class {n}" for n in range(10_000)])
    folder = project(lines, f"[task]\nlabels = {names}\n{DROP}")
    manifest, drops, _ = built(folder, insource)
    assert drops == []
    assert len(manifest["output"]["names"]) == 10_000


def test_one_class(project, rows, insource):
    folder = project([line | {"output": "same"} for line in rows.tickets(12)])
    manifest, _, said = built(folder, insource)
    assert manifest["output"]["names"] == ["same"]
    assert "Every answer is 'same': one class, so there is nothing to learn." in said


def test_a_folder_with_unreadable_documents_and_one_of_ten_megabytes(tmp_path, insource):
    for n in range(8):
        write(tmp_path, f"docs/a{n}.txt", f"Ticket {n}")
        write(tmp_path, f"docs/a{n}.label", "ab"[n % 2])
    write(tmp_path, "docs/big.txt", "Ten megabytes. " * 700_000)
    write(tmp_path, "docs/secret.pdf", pdf("secret", password="p"))
    write(tmp_path, "docs/torn.pdf", pdf("torn")[:200])
    write(tmp_path, "docs/torn.docx", b"PK\x03\x04 torn")
    write(tmp_path, "docs/empty.md", b"")
    for name in ("big", "secret", "torn", "empty"):
        write(tmp_path, f"docs/{name}.label", "a")
    write(tmp_path, "docs/unlabelled.eml", b"Subject: x\n\ntext")
    configure(tmp_path, "docs")
    manifest, drops, said = built(tmp_path, insource)
    assert manifest["dropped"] == {
        "empty-document": 1,
        "encrypted-document": 1,
        "missing-output": 1,
        "unreadable-document": 2,
    }
    assert {line for line, _ in drops} == {None}
    assert sum(manifest["counts"].values()) == 9
    assert "docs: a folder of documents, labels beside them" in said


def test_a_bad_document_is_named_by_its_file(tmp_path, refuses):
    for n in range(8):
        write(tmp_path, f"docs/a{n}.txt", f"Ticket {n}")
        write(tmp_path, f"docs/a{n}.label", "ab"[n % 2])
    write(tmp_path, "docs/deep.pdf", pdf("secret", password="p"))
    write(tmp_path, "docs/deep.label", "a")
    (tmp_path / "insource.toml").write_text('[dataset]\npath = "docs"\n', encoding="utf-8")
    said = refuses("dataset", "build", code="bad-rows")
    assert "docs: deep.pdf: encrypted-document: the PDF asks for a password" in said


def test_what_was_not_read_of_documents_is_said_by_the_build_and_its_card(tmp_path, insource):
    comment = "<w:r><w:commentReference w:id='1'/></w:r>"
    for n in range(12):
        inside = comment if n < 2 else ""
        write(tmp_path, f"docs/a{n:02}.docx", word_xml(paragraph(run(f"Ticket {n}"), inside)))
        write(tmp_path, f"docs/a{n:02}.label", "ab"[n % 2])
    write(tmp_path, "docs/b.pdf", form([("Ticket", [("text", "by hand"), ("stamp", ""), ("note", "see")])]))
    write(tmp_path, "docs/b.label", "a")
    configure(tmp_path, "docs")
    note = "3 of 13 documents hold content that was not read: comments (3), stamps (1)."
    named = "In a00.docx (comments), a01.docx (comments), b.pdf (comments, stamps)."
    manifest, _, said = built(tmp_path, insource)
    assert f"{note} {named}" in said
    (card,) = tmp_path.glob(f".insource/datasets/*@{manifest['digest'][:12]}/README.md")
    assert note in card.read_text(encoding="utf-8")


def test_the_settings_that_a_refused_table_needs_are_named_and_work(tmp_path, insource, refuses):
    rows = "".join(f"'Ticket~ {n}'~{'ab'[n % 2]}\n" for n in range(12))
    write(tmp_path, "d.csv", f"input, of~output\n{rows}")
    section = "[dataset]\npath = 'd.csv'\nformat = 'rows'\n"
    columns = "[dataset.columns]\ninput = 'input, of'\n"
    (tmp_path / "insource.toml").write_text(section + columns, encoding="utf-8")
    said = refuses("dataset", "build", code="bad-rows")
    assert "d.csv:2: invalid-csv: the header has 2 columns, the row 1, separated by ','" in said
    assert "`[dataset] delimiter` and `quote` say how it is written" in said
    settings = 'delimiter = "~"\nquote = "\'"\n'
    (tmp_path / "insource.toml").write_text(section + settings + columns, encoding="utf-8")
    assert built(tmp_path, insource)[0]["output"]["names"] == ["a", "b"]
    for wrong in ('delimiter = "||"', 'delimiter = "\\n"', "delimiter = '\"'"):
        (tmp_path / "insource.toml").write_text(f"{section}{wrong}\n", encoding="utf-8")
        refuses("dataset", "build", code="config-invalid", exit_code=2)


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [
        ("pypdf", "a.pdf", "documents"),
        ("docx", "a.docx", "documents"),
        ("inscriptis", "a.html", "documents"),
        ("pyarrow", "d.parquet", "parquet"),
    ],
)
def test_a_missing_extra_prints_the_line_that_installs_it(tmp_path, refuses, module, name, extra):
    write(tmp_path, f"docs/{name}", b"PAR1 x" if extra == "parquet" else b"x")
    write(tmp_path, "docs/a.label", "x")
    configure(tmp_path, f"docs/{name}" if extra == "parquet" else "docs")
    hidden = f"import sys\nsys.modules[{module!r}] = None"
    said = refuses("dataset", "build", code="missing-extra", prelude=hidden)
    assert f"pip install 'insource[{extra}]'" in said


def test_unknown_columns_are_listed_and_the_hint_works(tmp_path, insource, refuses):
    write(
        tmp_path, "d.csv", "text,label,no\n" + "".join(f"Ticket {n},{'ab'[n % 2]},{n}\n" for n in range(12))
    )
    configure(tmp_path, "d.csv")
    said = refuses("dataset", "build", code="unknown-columns")
    assert "text, label, no" in said
    configure(tmp_path, "d.csv", "[dataset.columns]\ninput = 'text'\noutput = 'label'\nid = 'no'\n")
    assert built(tmp_path, insource)[0]["output"]["names"] == ["a", "b"]
    configure(tmp_path, "d.csv", "[dataset.columns]\ninptu = 'text'\n")
    said = refuses("dataset", "build", code="config-invalid", exit_code=2)
    assert "did you mean dataset.columns.input?" in said


def test_labels_without_a_column_for_the_file(tmp_path, refuses):
    write(tmp_path, "docs/a.txt", "x")
    write(tmp_path, "docs/labels.csv", "label,by\nx,me\n")
    configure(tmp_path, "docs")
    refuses("dataset", "build", code="no-file-column")


def test_no_log_yet(tmp_path, refuses):
    (tmp_path / "insource.toml").write_text("[dataset]\nformat = 'log'\n", encoding="utf-8")
    refuses("dataset", "build", code="no-log")
    refuses("dataset", "schema", code="no-log")
