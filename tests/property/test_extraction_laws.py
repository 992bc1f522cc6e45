"""All that a reader of a document sees is in its text, once and in order; what is no text is named."""

import io
import re

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf.generic import NameObject, NullObject, NumberObject
from support.made_documents import form, mail_of_parts, pdf
from support.made_word import control, paragraph, run, table, word_xml

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.text_extraction import EXTRACTORS

MARKER = re.compile(r"[A-Z]\d+x")
QUICK = settings(max_examples=80, deadline=None)


def read(suffix, content):
    return EXTRACTORS[suffix](content, "")


class Markers:
    """Unique words: ``seen`` have to be in the text in this order, ``unseen`` may not be."""

    def __init__(self):
        self.seen = []
        self.unseen = []

    def new(self, *, seen=True):
        name = f"M{len(self.seen) + len(self.unseen)}x"
        (self.seen if seen else self.unseen).append(name)
        return name

    def check(self, text):
        assert MARKER.findall(text) == self.seen


# Every way to put a text into a paragraph, as a function of the markers.
INLINE = {
    "run": lambda m: run(m.new()),
    "control": lambda m: control(run(m.new())),
    "insertion": lambda m: f"<w:ins w:id='1' w:author='a'>{run(m.new())}</w:ins>",
    "move here": lambda m: f"<w:moveTo w:id='1'>{run(m.new())}</w:moveTo>",
    "deletion": lambda m: f"<w:del w:id='1'><w:r><w:delText>{m.new(seen=False)}</w:delText></w:r></w:del>",
    "moved away": lambda m: f"<w:moveFrom w:id='1'>{run(m.new(seen=False))}</w:moveFrom>",
    "link": lambda m: f"<w:hyperlink w:anchor='x'>{run(m.new())}</w:hyperlink>",
    "smart tag": lambda m: f"<w:smartTag w:element='x'>{run(m.new())}</w:smartTag>",
    "simple field": lambda m: f"<w:fldSimple w:instr='PAGE'>{run(m.new())}</w:fldSimple>",
    "field": lambda m: (
        "<w:r><w:fldChar w:fldCharType='begin'/></w:r>"
        f"<w:r><w:instrText>{m.new(seen=False)}</w:instrText></w:r>{run(m.new(seen=False))}"
        f"<w:r><w:fldChar w:fldCharType='separate'/></w:r>{run(m.new())}"
        "<w:r><w:fldChar w:fldCharType='end'/></w:r>"
    ),
    "right to left": lambda m: f"<w:bdo w:val='rtl'>{run(m.new())}</w:bdo>",
    "equation": lambda m: f"<m:oMath><m:r><m:t>{m.new()}</m:t></m:r></m:oMath>",
    "hidden": lambda m: run(m.new(seen=False), "<w:rPr><w:vanish/></w:rPr>"),
    "not hidden": lambda m: run(m.new(), "<w:rPr><w:vanish w:val='0'/></w:rPr>"),
    "drop-down": lambda m: (
        "<w:r><w:fldChar w:fldCharType='begin'><w:ffData><w:ddList><w:result w:val='1'/>"
        f"<w:listEntry w:val='{m.new(seen=False)}'/><w:listEntry w:val='{m.new()}'/></w:ddList></w:ffData>"
        "</w:fldChar></w:r><w:r><w:fldChar w:fldCharType='end'/></w:r>"
    ),
}


def vml_box(content):
    box = f"<v:textbox><w:txbxContent>{content}</w:txbxContent></v:textbox>"
    return f"<w:r><w:pict><v:shape>{box}</v:shape></w:pict></w:r>"


def drawn(inside):
    return f"<w:r><w:drawing><a:graphic><a:graphicData>{inside}</a:graphicData></a:graphic></w:drawing></w:r>"


def drawn_box(content, fallback):
    return (
        "<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wp:anchor><a:graphic><a:graphicData>"
        f"<wps:wsp><wps:txbx><w:txbxContent>{content}</w:txbxContent></wps:txbx></wps:wsp></a:graphicData></a:graphic>"
        f"</wp:anchor></w:drawing></mc:Choice><mc:Fallback><w:pict><v:shape><v:textbox><w:txbxContent>{fallback}"
        "</w:txbxContent></v:textbox></v:shape></w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )


# What is around a block.
AROUND = {
    "nothing": lambda block: block,
    "control": control,
    "controls": lambda block: control(control(block)),
    "insertion": lambda block: f"<w:ins w:id='9'>{block}</w:ins>",
    "custom XML": lambda block: f"<w:customXml w:element='x'>{block}</w:customXml>",
}


@st.composite
def blocks(draw, markers, depth=2):
    """A paragraph or table; the markers are made in the order in which a reader comes to them."""
    around = AROUND[draw(st.sampled_from(sorted(AROUND)))]
    kind = draw(st.sampled_from(["paragraph", "box", "table"] if depth else ["paragraph"]))
    if kind == "paragraph":
        names = draw(st.lists(st.sampled_from(sorted(INLINE)), min_size=1, max_size=3))
        return around(paragraph(*(INLINE[name](markers) for name in names)))
    if kind == "box":
        before = run(markers.new())
        inside = draw(blocks(markers, depth - 1))
        as_drawing = draw(st.booleans())
        return around(paragraph(before, drawn_box(inside, inside) if as_drawing else vml_box(inside)))
    rows = []
    for _ in range(draw(st.integers(1, 2))):
        cells = []
        for _ in range(draw(st.integers(1, 2))):
            content = draw(blocks(markers, depth - 1)) + "<w:p/>"
            cells.append((content, draw(st.sampled_from(["", "<w:gridSpan w:val='3'/>", "<w:vMerge/>"]))))
        rows.append(cells)
    return around(table(*rows))


@QUICK
@given(st.data())
def test_a_word_document_loses_and_repeats_no_text(data):
    markers = Markers()
    header = data.draw(blocks(markers))
    body = "".join(data.draw(blocks(markers)) for _ in range(data.draw(st.integers(1, 3))))
    note = "<w:r><w:footnoteReference w:id='2'/></w:r>"
    body += paragraph(run(markers.new()), note, run(markers.new()))
    footnote = f"<w:footnote w:id='2'>{data.draw(blocks(markers))}</w:footnote>"
    footer = data.draw(blocks(markers))
    first = paragraph(run(markers.new(seen=False)))
    found = read(
        ".docx",
        word_xml(
            body,
            "<w:headerReference w:type='first' r:id='rId_header2'/>"
            "<w:headerReference w:type='default' r:id='rId_header1'/>"
            "<w:footerReference w:type='default' r:id='rId_footer1'/>",
            header1=header,
            header2=first,
            footer1=footer,
            footnotes=f"<w:footnote w:type='separator' w:id='0'><w:p/></w:footnote>{footnote}",
        ),
    )
    markers.check(found.text)
    made = header + body + footnote + footer
    assert ("hidden text" in found.unread) == ("<w:vanish/>" in made)
    assert ("the layout of equations" in found.unread) == ("oMath" in made)
    assert set(found.unread) <= {"hidden text", "the layout of equations"}


def test_a_text_box_stands_on_lines_of_its_own():
    inside = paragraph(run("in")) + paragraph(run("it"))
    content = word_xml(
        paragraph(run("before "), drawn_box(inside, inside), run("after")) + paragraph(run("next"))
    )
    assert read(".docx", content).text.splitlines() == ["before after", "in", "it", "next"]


@pytest.mark.parametrize("around", ["<w:del w:id='1'>{}</w:del>", "{}"])
@pytest.mark.parametrize("properties", ["", "<w:rPr><w:vanish/></w:rPr>"])
def test_a_field_that_ends_where_nobody_sees_it_ends(around, properties):
    mark = "<w:r>{}<w:fldChar w:fldCharType='{}'/></w:r>".format
    content = paragraph(mark("", "begin"), around.format(mark(properties, "end")), run("after"))
    assert read(".docx", word_xml(content)) == ("after", "", ())


def test_each_section_has_its_header_and_says_a_shared_one_once():
    refers = "<w:headerReference w:type='{}' r:id='rId_header{}'/>"
    first = paragraph(
        run("one"), properties=f"<w:pPr><w:sectPr>{refers.format('default', 1)}</w:sectPr></w:pPr>"
    )
    second = paragraph(run("two"), properties="<w:pPr><w:sectPr/></w:pPr>")
    content = word_xml(
        first + second + paragraph(run("three")),
        f"{refers.format('first', 2)}{refers.format('even', 3)}{refers.format('default', 4)}<w:titlePg/>",
        header1=paragraph(run("same on both")),
        header2=paragraph(run("title page")),
        header3=paragraph(run("even page")),
        header4=paragraph(run("same on both")),
        settings="<w:evenAndOddHeaders/>",
    )
    lines = ["same on both", "one", "two", "title page", "even page", "three"]
    assert read(".docx", content).text.splitlines() == lines


def test_notes_are_numbered_where_they_are_referred_to_and_stand_behind_the_section():
    refer = "<w:r><w:{}noteReference w:id='{}'/></w:r>"
    content = word_xml(
        paragraph(
            run("a"),
            refer.format("foot", 5),
            run("b"),
            refer.format("end", 5),
            run("c"),
            refer.format("foot", 5),
        ),
        footnotes=f"<w:footnote w:id='5'>{paragraph(run('below'))}</w:footnote>",
        endnotes=f"<w:endnote w:id='5'>{paragraph(run('behind'))}</w:endnote>",
    )
    assert read(".docx", content).text.splitlines() == ["a[1]b[2]c[1]", "[1] below", "[2] behind"]


def test_rows_and_cells_inside_controls_and_deleted_rows():
    cell = "<w:tc><w:tcPr/>{}</w:tc>".format
    kept = f"<w:tr>{control(cell(paragraph(run('a'))))}{cell(paragraph(run('b')))}</w:tr>"
    gone = f"<w:tr><w:trPr><w:del w:id='1'/></w:trPr>{cell(paragraph(run('gone')))}</w:tr>"
    found = read(".docx", word_xml(f"<w:tbl>{control(kept)}{gone}</w:tbl>{paragraph()}"))
    assert found.text == "a\tb\n"


@pytest.mark.parametrize(
    ("inside", "name"),
    [
        (
            drawn("<pic:pic/>"),
            "pictures",
        ),
        ("<w:r><w:pict><v:shape><v:imagedata r:id='x'/></v:shape></w:pict></w:r>", "pictures"),
        (
            drawn("<c:chart r:id='x'/>"),
            "charts",
        ),
        (
            drawn("<dgm:relIds/>"),
            "diagrams",
        ),
        (
            "<w:r><w:object><v:shape><v:imagedata/></v:shape><o:OLEObject/></w:object></w:r>",
            "embedded objects",
        ),
        ("<w:r><w:object><v:shape/><w:control/></w:object></w:r>", "controls"),
        ("<w:r><w:commentReference w:id='1'/></w:r>", "comments"),
        ("<w:r><w:sym w:font='Webdings' w:char='F04C'/></w:r>", "symbols of a picture font"),
        ("<w:r><w:fldChar w:fldCharType='begin'/></w:r>", "text in a field without an end"),
    ],
)
def test_what_is_not_text_is_named(inside, name):
    found = read(".docx", word_xml(paragraph(run("before "), inside)))
    assert found.text == "before "
    assert found.unread == (name,)


LEVELS = "<w:lvl w:ilvl='0'><w:numFmt w:val='{}'/></w:lvl><w:lvl w:ilvl='1'><w:numFmt w:val='{}'/></w:lvl>"
NUMBERING = "".join(
    f"<w:abstractNum w:abstractNumId='{at}'>{LEVELS.format(*kinds)}</w:abstractNum>"
    for at, kinds in enumerate([("decimal", "bullet"), ("bullet", "lowerLetter")])
) + "".join(f"<w:num w:numId='{at + 1}'><w:abstractNumId w:val='{at}'/></w:num>" for at in range(2))
STYLES = (
    "<w:style w:styleId='Head'><w:pPr><w:numPr><w:numId w:val='1'/></w:numPr></w:pPr></w:style>"
    "<w:style w:styleId='Sub'><w:basedOn w:val='Head'/></w:style>"
    "<w:style w:styleId='Round'><w:basedOn w:val='Round'/></w:style>"
)


@pytest.mark.parametrize(
    ("about", "numbered"),
    [
        ("<w:numPr><w:ilvl w:val='0'/><w:numId w:val='1'/></w:numPr>", True),
        ("<w:numPr><w:ilvl w:val='1'/><w:numId w:val='1'/></w:numPr>", False),
        ("<w:numPr><w:numId w:val='2'/></w:numPr>", False),
        ("<w:numPr><w:ilvl w:val='1'/><w:numId w:val='2'/></w:numPr>", True),
        ("<w:pStyle w:val='Head'/>", True),
        ("<w:pStyle w:val='Sub'/>", True),
        ("<w:pStyle w:val='Sub'/><w:numPr><w:numId w:val='0'/></w:numPr>", False),
        ("<w:pStyle w:val='Round'/>", False),
        ("<w:pStyle w:val='unknown'/>", False),
        ("", False),
    ],
)
def test_numbers_that_word_computes_are_named(about, numbered):
    block = paragraph(run("clause"), properties=f"<w:pPr>{about}</w:pPr>")
    found = read(".docx", word_xml(block, numbering=NUMBERING, styles=STYLES))
    assert found == ("clause", "", ("numbers of lists",) if numbered else ())


@pytest.mark.parametrize(
    ("inside", "unread"),
    [
        ("<img src=x>", ("pictures",)),
        ("<svg><path/></svg><IMG src=y>", ("pictures",)),
        ("<iframe src=x></iframe><video></video>", ("embedded documents", "media")),
        ("<input name=a value='20'>", ("values of a form",)),
        ("<input type=hidden name=a value='20'><input name=b>", ()),
        ("<b>bold</b>", ()),
    ],
)
def test_what_is_no_text_of_a_page_is_named(inside, unread):
    assert read(".html", f"<p>text {inside}</p>".encode()).unread == unread
    mail = mail_of_parts("subject", [("html", f"text {inside}")])
    assert read(".eml", mail).unread == unread


def test_what_a_form_shows_as_signs_is_read():
    data = "<w:ffData><w:checkBox>{}</w:checkBox></w:ffData>"
    box = f"<w:r><w:fldChar w:fldCharType='begin'>{data}</w:fldChar></w:r>{{}}"
    end = "<w:r><w:fldChar w:fldCharType='end'/></w:r>"
    content = word_xml(
        paragraph(box.format("<w:default w:val='0'/><w:checked/>", end), run(" yes"))
        + paragraph(box.format("<w:default w:val='0'/>", end), run(" no"))
        + paragraph("<w:r><w:sym w:font='Wingdings' w:char='F0FE'/></w:r>", run(" a<w:tab/>"))
        + paragraph("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:noBreakHyphen/></w:r>")
        + paragraph("<w:r><w:pict><v:shape><v:textpath string='DRAFT'/></v:shape></w:pict></w:r>")
    )
    assert read(".docx", content).text.splitlines()[:2] == ["☒ yes", "☐ no"]
    assert read(".docx", content).text.endswith("a\tb\n-\nDRAFT")


VALUES = st.lists(
    st.sampled_from(
        [
            "text",
            "lines",
            "choice",
            "list",
            "radio",
            "check",
            "unticked",
            "free",
            "hidden",
            "password",
            "empty",
        ]
    ),
    max_size=6,
)


@QUICK
@given(st.lists(VALUES, min_size=1, max_size=3))
def test_a_filled_in_pdf_loses_and_repeats_no_value(pages):
    markers = Markers()
    made = []
    for kinds in pages:
        printed = markers.new()
        seen = [kind not in ("unticked", "hidden", "password", "empty") for kind in kinds]
        made.append(
            (printed, [(kind, markers.new(seen=is_seen)) for kind, is_seen in zip(kinds, seen, strict=True)])
        )
    found = read(".pdf", form(made))
    markers.check(found.text)
    assert found.unread == ()


def test_a_field_is_named_and_stands_where_it_is_on_the_page():
    found = read(".pdf", form([("Order", [("text", "Acme"), ("check", "express")])]))
    assert found.text == "Order\nfield 0: Acme\nfield 1: express"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("note", "comments"),
        ("stamp", "stamps"),
        ("ink", "ink"),
        ("file", "attached files"),
        ("signature", "signatures"),
    ],
)
def test_annotations_of_a_pdf_are_named(kind, name):
    found = read(".pdf", form([("Order", [(kind, "M1x")])]))
    assert found.text == "Order"
    assert found.unread == (name,)


def test_pages_and_pictures_without_text_are_named():
    assert read(".pdf", pdf("one", "")).unread == ()
    assert read(".pdf", form([("one", []), ("", ["picture"])])).unread == ("pages without text",)
    assert read(".pdf", form([("one", ["picture"])])).unread == ("pictures",)
    with pytest.raises(BadRow, match="scanned pages"):
        read(".pdf", form([("", ["picture"])]))


@QUICK
@given(st.lists(st.sampled_from(["plain", "html", "both", "file", "picture"]), min_size=1, max_size=5))
def test_every_text_that_a_mail_shows_is_read_once(kinds):
    markers = Markers()
    parts = [(kind, markers.new(seen=kind not in ("file", "picture"))) for kind in kinds]
    found = read(".eml", mail_of_parts("subject", parts))
    markers.check(found.text)
    assert found.unread == (("attachments",) if {"file", "picture"} & set(kinds) else ())


FILE = "Content-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n\nx"
PLAIN, PAGE = "Content-Type: text/plain\n\n{}", "Content-Type: text/html\n\n<p>{}</p>"


def parts(kind, *inside):
    mark = f"{kind}{len(''.join(inside))}"
    return (
        f"Content-Type: multipart/{kind}; boundary={mark}\n\n"
        + "".join(f"--{mark}\n{part}\n" for part in (*inside, "")).removesuffix("\n\n")
        + "--\n"
    )


@pytest.mark.parametrize(
    ("content", "text", "unread"),
    [
        (parts("alternative", PLAIN.format("a"), PAGE.format("b")), "a", ()),
        (
            parts("alternative", PLAIN.format("a"), parts("mixed", PAGE.format("b"), FILE)),
            "a",
            ("attachments",),
        ),
        (parts("alternative", parts("mixed", PLAIN.format("a"), PLAIN.format("b"))), "a\n\nb", ()),
        (parts("alternative", parts("related", PAGE.format("a"), FILE)), "a", ("attachments",)),
        (parts("alternative", "Content-Type: text/calendar\n\nc"), "", ("attachments",)),
        (parts("alternative", PLAIN.format("a"), "Content-Type: text/calendar\n\nc"), "a", ()),
    ],
)
def test_of_alternatives_all_texts_are_read_and_all_files_named(content, text, unread):
    found = read(".eml", f"Subject: s\n{content}".encode())
    assert found.text.partition("\n\n")[2].strip() == text
    assert found.unread == unread


WORD = word_xml(paragraph(run("a"), control(run("b"))) + table([(paragraph(run("c")), "")]))
FORM = form([("Order", [("text", "Acme"), ("choice", "b"), ("radio", "c"), ("note", "d"), ("free", "e")])])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([(".docx", WORD), (".pdf", FORM)]),
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=6)), min_size=1, max_size=5),
)
def test_a_damaged_document_is_read_or_refused(document, damages):
    suffix, content = document
    made = bytearray(content)
    for at, damage in damages:
        start = at % len(made)
        made[start : start + len(damage)] = damage
    try:
        text = read(suffix, bytes(made)).text
    except BadRow as refused:
        text = refused.reason
    assert isinstance(text, str)


@pytest.mark.parametrize("parent", ["itself", "nothing", "a number"])
def test_a_field_whose_parent_is_none_is_a_field(parent):
    writer = pypdf.PdfWriter(io.BytesIO(form([("Order", [("text", "Acme")])])))
    (reference,) = writer.pages[0]["/Annots"]
    parents = {"itself": reference, "nothing": NullObject(), "a number": NumberObject(7)}
    reference.get_object()[NameObject("/Parent")] = parents[parent]
    file = io.BytesIO()
    writer.write(file)
    assert "Acme" in read(".pdf", file.getvalue()).text


@pytest.mark.parametrize("kind", ["headerReference", "footerReference"])
def test_a_header_that_is_not_there_does_not_cost_the_body(kind):
    section = f"<w:{kind} w:type='default' r:id='nowhere'/>"
    assert read(".docx", word_xml(paragraph(run("body")), section=section)).text == "body"


def test_a_row_is_a_line_without_its_deleted_cells():
    broken = paragraph("<w:r><w:t>a</w:t><w:br/><w:t>b</w:t></w:r>")
    row = [(paragraph(run("gone")), "<w:cellDel w:id='1'/>"), (broken, ""), (paragraph(run("c")), "")]
    assert read(".docx", word_xml(table(row))).text == "a b\tc"
