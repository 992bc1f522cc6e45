"""Documents made to exhaust the machine are refused; of those damaged in one place, the rest is read."""

import io
import time
import tracemalloc
import zipfile

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    IndirectObject,
    NameObject,
    NullObject,
    NumberObject,
    TextStringObject,
)
from support.made_documents import form, pdf
from support.made_word import paragraph, run, table, word_xml

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.extract import word
from insource.dataset.sources.text_extraction import EXTRACTORS

QUICK = 5  # seconds; each of these documents took from 10 s to hours, or as much memory


def read(suffix, content):
    return EXTRACTORS[suffix](content, "")


def refusal(suffix, content):
    with pytest.raises(BadRow) as refused:
        read(suffix, content)
    return refused.value.reason


def test_a_merged_cell_has_no_more_columns_than_word_can_show():
    wide = table([(paragraph(run("a")), "<w:gridSpan w:val='2000000000'/>"), (paragraph(run("b")), "")])
    assert read(".docx", word_xml(wide)).text.split() == ["a", "b"]
    assert len(read(".docx", word_xml(wide)).text) < 100


def test_two_thousand_footnotes_are_read_at_once():
    many = range(2000)
    body = "".join(paragraph(run(f"t{n}"), f"<w:r><w:footnoteReference w:id='{n}'/></w:r>") for n in many)
    notes = "".join(f"<w:footnote w:id='{n}'>{paragraph(run(f'note {n}'))}</w:footnote>" for n in many)
    content = word_xml(body, footnotes=notes)
    started = time.monotonic()
    text = read(".docx", content).text
    assert time.monotonic() - started < QUICK
    assert "t1999[2000]" in text
    assert text.endswith("[2000] note 1999")


def test_entities_are_refused_because_their_text_would_be_left_out():
    entities = "<!DOCTYPE x [<!ENTITY a 'boom'><!ENTITY b '&a;&a;&a;'>]>"
    assert refusal(".docx", word_xml(paragraph(run("&b; 100 EUR")), document_type=entities)) == (
        "unreadable-document"
    )


def test_xml_that_would_fill_the_memory_is_refused(monkeypatch):
    content = word_xml(paragraph(run("a")) + "<w:p/>" * 1000)
    assert read(".docx", content).text.startswith("a")
    monkeypatch.setattr(word, "MAX_XML_BYTES", 5000)
    assert refusal(".docx", content) == "document-too-large"


def test_an_archive_that_states_too_small_a_size_is_not_unpacked():
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(word_xml(paragraph(run("a" * 20_000_000))))) as plain,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
        size = archive.getinfo("word/document.xml").file_size
    content = packed.getvalue().replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    tracemalloc.start()
    try:
        assert refusal(".docx", content) == "unreadable-document"
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_tags_that_do_not_end_cost_no_more_than_others():
    started = time.monotonic()
    read(".html", b"<p>a</p>" + b"<input " * 20_000)
    assert time.monotonic() - started < QUICK


@pytest.mark.parametrize("nested", ["parts", "messages"])
def test_a_mail_that_is_nested_too_deep_is_refused(nested):
    parts = "".join(f"--b{n}\nContent-Type: multipart/mixed; boundary=b{n + 1}\n\n" for n in range(2000))
    content = {
        "parts": f"From: a\nContent-Type: multipart/mixed; boundary=b0\n\n{parts}text\n",
        "messages": "From: a\nContent-Type: message/rfc822\n\n" * 2000 + "text\n",
    }[nested]
    assert refusal(".eml", content.encode()) == "unreadable-document"


def test_alternatives_within_alternatives_cost_no_more_than_others():
    parts = "".join(f"--b{n}\nContent-Type: multipart/alternative; boundary=b{n + 1}\n\n" for n in range(40))
    content = f"From: a\nContent-Type: multipart/alternative; boundary=b0\n\n{parts}--b40\n\ntext\n"
    started = time.monotonic()
    assert "text" in read(".eml", content.encode()).text
    assert time.monotonic() - started < QUICK


FILLED = form(
    [("Order", [(kind, "a") for kind in ("text", "choice", "list", "check", "free", "note")] + ["picture"])]
)
WRONG = {
    "null": lambda writer: NullObject(),
    "nothing": lambda writer: IndirectObject(9999, 0, writer),
    "number": lambda writer: NumberObject(7),
    "float": lambda writer: FloatObject("1.5"),
    "text": lambda writer: TextStringObject("x"),
    "name": lambda writer: NameObject("/X"),
    "list": lambda writer: ArrayObject(),
    "list of null": lambda writer: ArrayObject([NullObject()]),
    "dictionary": lambda writer: DictionaryObject(),
}
ANNOTATION = [
    "/Subtype",
    "/FT",
    "/V",
    "/Rect",
    "/Opt",
    "/F",
    "/Ff",
    "/AS",
    "/Parent",
    "/T",
    "/TU",
    "/Contents",
]
PLACES = (
    *(("root", key) for key in ("/Names", "/AcroForm")),
    *(("form", key) for key in ("/XFA", "/Fields")),
    ("page", "/Annots"),
    ("resources", "/XObject"),
    ("drawings", "/Im0"),
    *((str(place), key) for place in range(6) for key in ANNOTATION),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(sorted(WRONG)))
def test_a_damaged_field_or_picture_does_not_cost_the_printed_text(place, wrong):
    writer = pypdf.PdfWriter(io.BytesIO(FILLED))
    (page,) = writer.pages
    annotations = page["/Annots"].get_object()
    resources = page["/Resources"].get_object()
    where = {
        "root": writer.root_object,
        "form": writer.root_object["/AcroForm"].get_object(),
        "page": page,
        "resources": resources,
        "drawings": resources["/XObject"].get_object(),
        **{str(number): one.get_object() for number, one in enumerate(annotations)},
    }
    where[place[0]][NameObject(place[1])] = WRONG[wrong](writer)
    file = io.BytesIO()
    writer.write(file)
    assert read(".pdf", file.getvalue()).text.startswith("Order")


def test_a_picture_within_a_drawing_is_named_and_a_circle_of_drawings_ends():
    writer = pypdf.PdfWriter(io.BytesIO(FILLED))
    (page,) = writer.pages
    del page["/Annots"]
    resources = page["/Resources"].get_object()
    pictures = resources["/XObject"]
    drawing = DecodedStreamObject()
    reference = writer._add_object(drawing)
    circle = {NameObject(f"/Again{n}"): reference for n in range(20)}
    drawing[NameObject("/Subtype")] = NameObject("/Form")
    drawing[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/XObject"): DictionaryObject({**pictures, **circle})}
    )
    resources[NameObject("/XObject")] = DictionaryObject({NameObject("/Fm0"): reference})
    file = io.BytesIO()
    writer.write(file)
    assert read(".pdf", file.getvalue()).unread == ("pictures",)
    assert read(".pdf", pdf("one")).unread == ()
