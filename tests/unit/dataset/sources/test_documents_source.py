"""A folder of documents: every kind is read, every label found, what cannot be read says why."""

import json
from pathlib import Path

import pytest
from support.made_documents import mail, pdf, word

from insource.config.dataset import ColumnsSection
from insource.dataset.sources.documents import Documents, walk
from insource.dataset.sources.text_extraction import text_of_document
from insource.foundation.errors import DataError, UserError
from insource.types import Dropped, Row


def write(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", ".").replace("_in_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def read(source):
    items = list(source)
    rows = {item.row_id: item for item in items if isinstance(item, Row)}
    drops = {item.row_id: (item.reason, item.detail) for item in items if isinstance(item, Dropped)}
    return rows, drops


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "grüße\r\nzwei".encode(), "grüße\nzwei"),
        ("a.txt", b"\xef\xbb\xbfmarked", "marked"),
        ("a.txt", "Übergröße".encode("utf-16"), "Übergröße"),
        (
            "a.txt",
            "Die Straße ist für größere Fahrzeuge gesperrt, außer für Anwohner.".encode("cp1252"),
            "Straße",
        ),
        ("a.md", b"# Title\n\ntext", "# Title\n\ntext"),
        ("a.html", b"<style>p{}</style><p>Hello <b>you</b></p><script>x()</script>", "Hello you"),
        ("a.htm", '<meta charset="cp1252"><p>Größe</p>'.encode("cp1252"), "Größe"),
        ("a.html", b"<?xml version='1.0' encoding='utf-8'?><html><body>declared</body></html>", "declared"),
        ("a.pdf", pdf("Invoice 1183", "Total 20"), "Invoice 1183\n\nTotal 20"),
        (
            "a.docx",
            word("Invoice 1183", table=[["part", "seal"], ["price", "20"]]),
            "Invoice 1183\npart\tseal\nprice\t20",
        ),
        ("a.eml", mail("Order", "I ordered twice.\n"), "Subject: Order\n\nI ordered twice."),
        ("a.eml", mail("Order", "", "<p>only <i>HTML</i></p>"), "only HTML"),
        ("a.eml", mail("Größe", "Größe 7\n", charset="iso-8859-1"), "Größe 7"),
    ],
)
def test_every_kind_gives_its_text(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content)
    assert expected in text_of_document(path).text


def test_a_guessed_encoding_is_said(tmp_path):
    write(tmp_path, a__label="x", b__label="y")
    (tmp_path / "a.txt").write_bytes("Die Straße ist für größere Fahrzeuge gesperrt.".encode("cp1252"))
    (tmp_path / "b.txt").write_text("Die Straße", encoding="utf-8")
    source = Documents(tmp_path)
    rows, _ = read(source)
    assert "größere" in rows["a.txt"].input
    (note,) = source.notes
    assert note.startswith("Neither UTF-8 nor said to be anything else, so read as cp125")
    assert note.endswith("a guess: a.txt (1 in all).")


def test_the_encoding_named_is_taken_before_a_guess(tmp_path):
    content = {"a.txt": "Größe", "b.html": "<p>Größe", "c.md": "\ufeffgrößer", "d.eml": "Subject: x\n\nGröße"}
    for name, text in content.items():
        (tmp_path / name).write_bytes(text.encode("utf-8" if name == "c.md" else "latin-1"))
        (tmp_path / f"{name}.label").write_bytes("übel".encode("latin-1"))
    source = Documents(tmp_path, encoding="latin-1")
    rows, drops = read(source)
    assert drops == {}
    assert {name: row.input.split()[-1] for name, row in rows.items()} == {
        "a.txt": "Größe", "b.html": "Größe", "c.md": "größer", "d.eml": "Größe",
    }  # fmt: skip
    assert {row.output for row in rows.values()} == {"übel"}
    assert source.notes == ()
    with pytest.raises(UserError) as error:
        Documents(tmp_path, encoding="klingon")
    assert error.value.code == "unknown-encoding"


def test_no_guess_is_ebcdic(tmp_path):
    write(tmp_path, a__label="x")
    (tmp_path / "a.txt").write_bytes("Größe".encode("latin-1"))
    source = Documents(tmp_path)
    assert "Gr" in read(source)[0]["a.txt"].input
    assert len(source.notes) == 1


def test_a_name_with_no_room_for_a_label_beside_it(tmp_path):
    name = f"{'n' * 250}.txt"
    (tmp_path / name).write_text("text", encoding="utf-8")
    assert read(Documents(tmp_path))[1][name][0] == "missing-output"


def test_labels_beside_the_documents(tmp_path):
    write(
        tmp_path,
        a__txt="one",
        a__json='{"n": 1}',
        b__pdf=pdf("two"),
        b__pdf__json='{"n": 2}',
        c__md="three",
        c__label__txt=" three \n",
        sub_in_d__html="<p>four</p>",
        sub_in_d__label="four",
        e__txt="five",
        e__json='"a text"',
        readme__md="about the data",
        f__png=b"\x89PNG",
    )
    source = Documents(tmp_path)
    rows, drops = read(source)
    assert drops == {}
    assert {name: row.output for name, row in rows.items()} == {
        "a.txt": {"n": 1},
        "b.pdf": {"n": 2},
        "c.md": "three",
        "sub/d.html": "four",
        "e.txt": "a text",
    }
    assert rows["b.pdf"].input == "two"
    assert rows["b.pdf"].provenance.source == "b.pdf"
    assert source.notes == (
        "Files that are no documents were passed over: .png (1).",
        "Passed over as about the data, by name and without a label: readme.md.",
    )
    assert [item.row_id for item in source] == [item.row_id for item in source]


def test_labels_in_a_table_with_what_else_it_says(tmp_path):
    write(
        tmp_path,
        a__txt="one",
        b__txt="two",
        c__txt="three",
        labels__csv="file,output,group\na.txt,x,g\nb.txt,y,\nd.txt,z,\n,q,\n",
    )
    rows, drops = read(Documents(tmp_path, labels=tmp_path / "labels.csv"))
    assert {name: (row.output, row.group, row.line) for name, row in rows.items()} == {
        "a.txt": ("x", "g", 2),
        "b.txt": ("y", None, 3),
    }
    assert drops == {
        "d.txt": ("missing-document", "there is no such file in the folder"),
        "line-5": ("missing-document", "`file` names no file"),
        "c.txt": ("missing-output", "labels.csv has no line for it"),
    }


def test_the_columns_of_the_table_may_have_any_name(tmp_path):
    lines = [{"doc": "a.txt", "sum": 3, "who": "x"}, {"doc": "../outside.txt", "sum": 1, "who": "y"}]
    write(tmp_path, in_in_a__txt="one")
    folder = tmp_path / "in"
    (tmp_path / "outside.txt").write_text("not of this folder", encoding="utf-8")
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    columns = ColumnsSection(output=("sum", "who"), file="doc")
    rows, drops = read(Documents(folder, labels=folder / "labels.jsonl", columns=columns))
    assert rows["a.txt"].output == {"sum": 3, "who": "x"}
    assert drops["../outside.txt"][0] == "missing-document"


def test_a_table_that_names_no_documents(tmp_path):
    write(tmp_path, a__txt="one", labels__csv="label,who\nx,y\n")
    with pytest.raises(DataError) as error:
        list(Documents(tmp_path, labels=tmp_path / "labels.csv"))
    assert error.value.code == "no-file-column"
    assert "label, who" in error.value.message


def test_what_cannot_be_read_says_why_and_the_rest_goes_on(tmp_path):
    write(
        tmp_path,
        encrypted__pdf=pdf("secret", password="p"),
        broken__pdf=b"%PDF-1.4 and nothing else",
        scanned__pdf=pdf("", ""),
        old__docx=b"\xd0\xcf\x11\xe0" + b"\0" * 600,
        broken__docx=b"PK no archive",
        empty__txt=b"",
        blank__md="  \n",
        noise__txt=bytes(range(256)) * 40,
        headless__eml=b"\xff\xfe\x00",
        nolabel__txt="text",
        badlabel__txt="text",
        badlabel__json='{"n": 1, "n": 2}',
        orphan__label__txt="x",
        good__txt="text",
        good__json='{"n": 1}',
    )
    labelled = ("encrypted", "broken", "scanned", "old", "empty", "blank", "noise", "headless")
    for name in labelled:
        (tmp_path / f"{name}.label").write_text("x", encoding="utf-8")
    rows, drops = read(Documents(tmp_path))
    assert list(rows) == ["good.txt"]
    assert {name: reason for name, (reason, _) in drops.items()} == {
        "encrypted.pdf": "encrypted-document",
        "broken.pdf": "unreadable-document",
        "broken.docx": "unreadable-document",
        "scanned.pdf": "empty-document",
        "old.docx": "encrypted-document",
        "empty.txt": "empty-document",
        "blank.md": "empty-document",
        "noise.txt": "unknown-encoding",
        "headless.eml": "unknown-encoding",
        "nolabel.txt": "missing-output",
        "badlabel.txt": "invalid-json",
        "orphan.label.txt": "missing-document",
    }
    assert "no text on its 2 pages" in drops["scanned.pdf"][1]
    assert "badlabel.json: the key 'n' occurs twice" in drops["badlabel.txt"][1]


def test_names_that_no_file_can_have_are_missing_documents(tmp_path):
    lines = [{"file": name, "output": "x"} for name in ("a.txt", "n" * 300 + ".txt", "b\0.txt", "loop.txt")]
    write(tmp_path, a__txt="one")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    rows, drops = read(Documents(tmp_path, labels=tmp_path / "labels.jsonl"))
    assert list(rows) == ["a.txt"]
    assert {reason for reason, _ in drops.values()} == {"missing-document"}
    assert len(drops) == 3


@pytest.mark.parametrize("labels", [None, "labels.csv"])
def test_a_folder_inside_that_may_not_be_read_is_one_drop(tmp_path, monkeypatch, labels):
    write(tmp_path, a__txt="one", a__json='"x"', shut_in_b__txt="two", z__txt="three", z__json='"y"')
    if labels:
        (tmp_path / labels).write_text("file,output\na.txt,x\nz.txt,y\n", encoding="utf-8")
    listed = Path.iterdir

    def iterdir(path):
        if path.name == "shut":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    rows, drops = read(Documents(tmp_path, labels=labels and tmp_path / labels))
    assert list(rows) == ["a.txt", "z.txt"]
    assert drops == {"shut": ("unreadable-path", "the folder cannot be read, nor what is in it")}


def test_links_to_folders_are_followed_once(tmp_path):
    write(tmp_path, in_in_a__txt="one", in_in_a__json='"x"', out_in_b__txt="two", out_in_b__json='"x"')
    folder = tmp_path / "in"
    (folder / "loop").symlink_to(".")
    (folder / "up").symlink_to("..")
    (folder / "outside").symlink_to(tmp_path / "out")
    (folder / "sub").mkdir()
    (folder / "sub" / "again").symlink_to(tmp_path / "out")
    assert [path.relative_to(folder).as_posix() for path in walk(folder)] == [
        "a.json", "a.txt", "outside/b.json", "outside/b.txt",
    ]  # fmt: skip


def test_only_unlabelled_documents_at_the_top_are_about_the_data(tmp_path):
    names = ("README.md", "notice.txt", "license.txt", "sub/notice.txt")
    (tmp_path / "sub").mkdir()
    for name in names:
        (tmp_path / name).write_text(name, encoding="utf-8")
    (tmp_path / "notice.json").write_text('"x"', encoding="utf-8")
    source = Documents(tmp_path)
    rows, drops = read(source)
    assert list(rows) == ["notice.txt"]
    assert {name: reason for name, (reason, _) in drops.items()} == {"sub/notice.txt": "missing-output"}
    assert source.notes == (
        "Passed over as about the data, by name and without a label: README.md, license.txt.",
    )
    (tmp_path / "labels.csv").write_text("file,output\nlicense.txt,x\nsub/notice.txt,y\n", encoding="utf-8")
    source = Documents(tmp_path, labels=tmp_path / "labels.csv")
    rows, drops = read(source)
    assert (list(rows), drops) == (["license.txt", "sub/notice.txt"], {})
    assert (
        "Passed over as about the data, by name and without a label: README.md, notice.txt." in source.notes
    )


def test_ten_megabytes_are_no_trouble_and_a_hundred_are_refused(tmp_path):
    write(tmp_path, big__txt="Ten megabytes. " * 750_000, big__json="{}")
    write(tmp_path, page__html="<p>" + "line of text<br>" * 700_000 + "</p>", page__json="{}")
    (tmp_path / "huge.txt").write_bytes(b"")
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(100 << 20)
    (tmp_path / "huge.json").write_text("{}", encoding="utf-8")
    rows, drops = read(Documents(tmp_path))
    assert rows["page.html"].input.count("line of text") == 700_000
    assert len(rows["big.txt"].input) > 10_000_000
    assert drops["huge.txt"] == ("document-too-large", "100 MB, and at most 64 MB are read")
