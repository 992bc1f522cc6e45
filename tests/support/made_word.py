"""Word documents written as XML, for the containers of text that python-docx does not write."""

import io
import zipfile

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMESPACES = (
    f'xmlns:w="{W}" xmlns:r="{REL}" xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:o="urn:schemas-microsoft-com:office:office" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)
ROOTS = {
    "numbering": "numbering",
    "styles": "styles",
    "header": "hdr",
    "footer": "ftr",
    "footnotes": "footnotes",
    "endnotes": "endnotes",
    "settings": "settings",
}
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPES = "application/vnd.openxmlformats-officedocument.wordprocessingml"


def run(text, properties=""):
    return f'<w:r>{properties}<w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*inline, properties=""):
    return f"<w:p>{properties}{''.join(inline)}</w:p>"


def table(*rows):
    """A table; each row is a list of cells, each cell the blocks in it and the XML of its properties."""
    made = "".join(
        "<w:tr>"
        + "".join(f"<w:tc><w:tcPr>{about}</w:tcPr>{blocks}</w:tc>" for blocks, about in row)
        + "</w:tr>"
        for row in rows
    )
    return f"<w:tbl><w:tblPr/><w:tblGrid/>{made}</w:tbl>"


def control(content):
    return (
        f"<w:sdt><w:sdtPr><w:alias w:val='not seen'/></w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"
    )


def word_xml(body, section="", document_type="", **parts):
    """A Word document with this body; ``parts`` are the contents of ``header1``, ``footnotes`` and so on.

    ``section`` is put into the properties of the last section; its parts have ids like ``rId_header1``.
    """
    kinds = {name: name.rstrip("0123456789") for name in parts}
    relations = {name: (f"rId_{name}", kind, f"{name}.xml") for name, kind in kinds.items()}
    types = {name: f"{kind}+xml" for name, kind in kinds.items()} | {"document": "document.main+xml"}
    last = f"<w:sectPr>{section}</w:sectPr>"
    files = {
        "[Content_Types].xml": _types(types),
        "_rels/.rels": _relations([("r1", "officeDocument", "word/document.xml")]),
        "word/_rels/document.xml.rels": _relations(relations.values()),
        "word/document.xml": document_type
        + f"<w:document {NAMESPACES}><w:body>{body}{last}</w:body></w:document>",
    }
    for name, content in parts.items():
        root = ROOTS[kinds[name]]
        files[f"word/{name}.xml"] = f"<w:{root} {NAMESPACES}>{content}</w:{root}>"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return file.getvalue()


def _types(types):
    known = "".join(
        f'<Override PartName="/word/{name}.xml" ContentType="{TYPES}.{kind}"/>'
        for name, kind in types.items()
    )
    rels = "application/vnd.openxmlformats-package.relationships+xml"
    default = f'<Default Extension="rels" ContentType="{rels}"/>'
    return f'<Types xmlns="{PACKAGE}/content-types">{default}{known}</Types>'


def _relations(found):
    known = "".join(
        f'<Relationship Id="{name}" Type="{REL}/{kind}" Target="{target}"/>' for name, kind, target in found
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{known}</Relationships>'
