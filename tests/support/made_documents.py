"""Documents of every kind that a folder may hold, made here so that none has to be kept."""

import io
from email.message import EmailMessage

import docx
import pypdf
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    TextStringObject,
)


def pdf(*pages, password=""):
    """A PDF with a line of text a page; an empty text makes a page without any."""
    writer = pypdf.PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(width=300, height=200)
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode("latin-1") if text else b"")
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        page[NameObject("/Contents")] = ArrayObject([writer._add_object(content)])
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def word(*paragraphs, table=()):
    """A Word document with paragraphs, and a table behind them."""
    document = docx.Document()
    for text in paragraphs:
        document.add_paragraph(text)
    if table:
        made = document.add_table(rows=len(table), cols=len(table[0]))
        for row, texts in zip(made.rows, table, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def mail(subject, text, html="", charset="utf-8"):
    """An e-mail with a plain body, an HTML one, or both."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", subject
    if text:
        message.set_content(text, charset=charset)
    if html and text:
        message.add_alternative(html, subtype="html")
    elif html:
        message.set_content(html, subtype="html")
    return message.as_bytes()


def mail_of_parts(subject, parts):
    """An e-mail whose parts follow each other, as Apple Mail writes a text, a picture and a text."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", subject
    message.make_mixed()
    for kind, text in parts:
        part = EmailMessage()
        if kind == "html":
            part.set_content(f"<p>{text}</p>", subtype="html")
        elif kind == "picture":
            part.set_content(text.encode(), "image", "png", disposition="inline", filename=f"{text}.png")
        else:
            part.set_content(f"{text}\n")
        if kind == "both":
            part.add_alternative(f"<p>{text}</p>", subtype="html")
        if kind == "file":
            part.add_header("Content-Disposition", "attachment", filename="notes.txt")
        message.attach(part)
    return message.as_bytes()


def form(pages):
    """A PDF with a line of text a page and what is filled in below it: pairs of a kind and its text.

    Fields are called ``field 0``, ``field 1`` and so on, and stand from top to bottom.
    """
    writer = pypdf.PdfWriter(io.BytesIO(pdf(*(text for text, _ in pages))))
    fields = ArrayObject()
    for page, (_, filled) in zip(writer.pages, pages, strict=True):
        annotations = ArrayObject()
        for place, one in enumerate(filled):
            if one == "picture":
                _add_picture(writer, page)
                continue
            kind, text = one
            rect = ArrayObject(map(FloatObject, (20, 90 - 12 * place, 200, 100 - 12 * place)))
            made = {"/Type": "/Annot", "/Rect": rect, **_annotation(kind, text)}
            if made["/Subtype"] == "/Widget":
                made["/T"] = TextStringObject(f"field {len(fields)}")
            reference = writer._add_object(_pdf_object(made))
            annotations.insert(0, reference)  # their order in the file is not that on the page
            if made["/Subtype"] == "/Widget":
                fields.append(reference)
        page[NameObject("/Annots")] = annotations
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject({NameObject("/Fields"): fields})
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def _annotation(kind, text):
    said = TextStringObject(text)
    widget = {"/Subtype": "/Widget", "/FT": "/Tx", "/V": said}
    other = TextStringObject("not chosen")
    pairs = ArrayObject([ArrayObject([TextStringObject("code"), said]), ArrayObject([other, other])])
    ticked = {**widget, "/FT": "/Btn", "/V": NameObject(f"/{text}"), "/AS": NameObject(f"/{text}")}
    flag = NumberObject
    return {
        "text": widget,
        "lines": {**widget, "/V": TextStringObject(f"first\r{text}\rlast"), "/Ff": flag(1 << 12)},
        "choice": {**widget, "/FT": "/Ch", "/V": TextStringObject("code"), "/Opt": pairs},
        "list": {**widget, "/FT": "/Ch", "/V": ArrayObject([said]), "/Opt": ArrayObject([other, said])},
        "check": ticked,
        "radio": {**ticked, "/Ff": flag(1 << 15)},
        "unticked": {
            **ticked,
            "/V": NameObject("/Off"),
            "/AS": NameObject("/Off"),
            "/TU": TextStringObject("box"),
        },
        "free": {"/Subtype": "/FreeText", "/Contents": said},
        "hidden": {**widget, "/F": flag(2)},
        "password": {**widget, "/Ff": flag(1 << 13)},
        "empty": {**widget, "/V": TextStringObject("")},
        "note": {"/Subtype": "/Text", "/Contents": said},
        "stamp": {"/Subtype": "/Stamp", "/Contents": said},
        "ink": {"/Subtype": "/Ink", "/Contents": said},
        "file": {"/Subtype": "/FileAttachment", "/Contents": said},
        "signature": {**widget, "/FT": "/Sig", "/V": DictionaryObject()},
    }[kind]


def _pdf_object(values):
    named = {key: NameObject(value) if type(value) is str else value for key, value in values.items()}
    return DictionaryObject({NameObject(key): value for key, value in named.items()})


def _add_picture(writer, page):
    picture = DecodedStreamObject()
    picture.set_data(b"\0")
    picture.update(_pdf_object({"/Type": "/XObject", "/Subtype": "/Image", "/ColorSpace": "/DeviceGray"}))
    picture.update(
        {
            NameObject(key): NumberObject(one)
            for key, one in zip(("/Width", "/Height", "/BitsPerComponent"), (1, 1, 8), strict=True)
        }
    )
    drawn = DictionaryObject({NameObject("/Im0"): writer._add_object(picture)})
    page[NameObject("/Resources")].get_object()[NameObject("/XObject")] = drawn
