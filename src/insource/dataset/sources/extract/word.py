"""Extract the text of Word documents: what a reader of the pages sees, each once and in the page's order.

The parts and their relations are opened by python-docx. Their XML is walked here, because python-docx knows
neither content controls nor tracked changes, text boxes and notes. Elements are told by their local names
(ECMA-376 part 1, chapter 17). An element that is not known is entered: what is left out is listed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.extract.extracted import Extracted
from insource.dataset.sources.extract.word_lists import NumberedLists
from insource.dataset.sources.extract.word_marks import form_field, is_hidden, is_on, symbol, value_of
from insource.foundation.errors import missing_extra

MAX_UNPACKED_BYTES = 256 << 20
MAX_XML_BYTES = 64 << 20
"""Of all parts together; a tree of XML takes up to 25 times its size in memory."""

_OLE = b"\xd0\xcf\x11\xe0"
_MAX_COLUMNS = 63  # of a table in Word
_NOT_SEEN = frozenset({"del", "moveFrom", "instrText", "delText", "delInstrText"})
_PROPERTIES = frozenset(
    {"pPr", "rPr", "tblPr", "tblPrEx", "tblGrid", "trPr", "tcPr", "sdtPr", "sdtEndPr", "sectPr"}
)
_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_UNREAD = {
    "pic": "pictures",
    "imagedata": "pictures",
    "chart": "charts",
    "relIds": "diagrams",
    "OLEObject": "embedded objects",
    "control": "controls",
    "altChunk": "embedded documents",
    "subDoc": "embedded documents",
    "contentPart": "ink",
    "oMath": "the layout of equations",
    "commentReference": "comments",
}
_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes"}


def word(data: bytes, _: str) -> Extracted:
    """Return the text of a Word document.

    Per section: its headers, the body, its notes, its footers. A header that several sections share is there
    once. The cells of a row stand on one line, a merged cell once. Tracked insertions are text, deletions are
    not. Text boxes follow the paragraph that they are anchored in.

    Raises:
        BadRow: ``encrypted-document``, ``document-too-large``, ``unreadable-document``.
        PrerequisiteError: ``missing-extra``.
    """
    try:
        from docx.opc.package import OpcPackage
    except ImportError as error:
        raise missing_extra("Reading Word documents", "documents", "docx") from error
    if data.startswith(_OLE):
        raise BadRow("encrypted-document", "protected by a password, or of Word before 2007")
    try:
        _check_size(data)
        reader = _Reader(_related(OpcPackage.open(io.BytesIO(data)), "officeDocument"))
        return Extracted("\n".join(reader.document()), unread=tuple(sorted(reader.unread)))
    except BadRow:
        raise
    except Exception as error:  # a damaged archive raises whatever the damage happens to break
        problem = f"not a readable Word document: {type(error).__name__}: {error}"
        raise BadRow("unreadable-document", problem) from error


def _check_size(data: bytes) -> None:
    """Refuse an archive that would fill the memory, also one that states smaller sizes than it has."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        xml = sum(entry.file_size for entry in entries if entry.filename.lower().endswith((".xml", ".rels")))
        if unpacked > MAX_UNPACKED_BYTES or xml > MAX_XML_BYTES:
            raise BadRow("document-too-large", f"{unpacked >> 20} MB when unpacked, {xml >> 20} MB of XML")
        if damaged := archive.testzip():  # reads a little at a time
            raise BadRow("unreadable-document", f"not a readable Word document: {damaged} is damaged")


class _Reader:
    """One document. ``unread`` collects the names of what is not text."""

    def __init__(self, part: Any) -> None:
        self.unread: set[str] = set()
        self._part = part
        self._in_code: list[bool] = []  # the fields that are open; True before their result begins
        self._notes: list[str] = []  # of the section so far
        self._numbers: dict[tuple[str, str], int] = {}  # of the notes that were referred to
        self._texts = {kind: _notes(part, kind) for kind in _NOTES.values()}
        self._margins: dict[tuple[str, str], Any] = {}  # the header or footer that a section inherits
        self._said: set[str] = set()  # the headers and footers that were read
        self._lists = NumberedLists(_root(_related(part, "numbering")), _root(_related(part, "styles")))
        settings = _root(_related(part, "settings"))
        self._odd_and_even = any(map(is_on, settings.iter("{*}evenAndOddHeaders")))

    def document(self) -> Iterator[str]:
        """Yield the lines of all sections."""
        section: list[str] = []
        for block in next(_root(self._part).iter("{*}body")):
            if _name(block) == "sectPr":
                yield from self._section(block, section)
                section = []
                continue
            section += self._block(block)
            for end in block.iter("{*}sectPr"):
                if _name(end.getparent()) == "pPr":
                    yield from self._section(end, section)
                    section = []
        yield from (*section, *self._notes)
        self._end_of_fields()

    def _section(self, properties: Any, lines: list[str]) -> Iterator[str]:
        for reference in properties:
            if _name(reference) in ("headerReference", "footerReference"):
                key = (_name(reference), value_of(reference, "type") or "default")
                self._margins[key] = _target(self._part.rels.get(value_of(reference, "id")))
        yield from self._margin("headerReference", properties)
        yield from lines
        yield from self._notes
        self._notes = []
        yield from self._margin("footerReference", properties)

    def _margin(self, kind: str, properties: Any) -> Iterator[str]:
        first = any(map(is_on, properties.iter("{*}titlePg")))
        seen = {"first": first, "default": True, "even": self._odd_and_even}
        for place in (place for place, is_seen in seen.items() if is_seen):
            part = self._margins.get((kind, place))
            text = "\n".join(self._apart(_root(part)))
            if text and text not in self._said:
                self._said.add(text)
                yield text

    def _blocks(self, container: Any) -> Iterator[str]:
        for block in container:
            yield from self._block(block)

    def _block(self, block: Any) -> Iterator[str]:
        """Yield the lines of a paragraph, a table, or of what is in any other element."""
        name = _name(block)
        if name == "p":
            yield from self._paragraph(block)
        elif name == "tbl":
            yield from self._table(block)
        elif name == "AlternateContent":
            yield from self._blocks(_chosen(block))
        elif name in _UNREAD:
            self.unread.add(_UNREAD[name])
        elif name not in _NOT_SEEN and name not in _PROPERTIES:
            yield from self._blocks(block)

    def _paragraph(self, paragraph: Any) -> Iterator[str]:
        pieces: list[str] = []
        boxes: list[Any] = []
        if self._lists.numbers(paragraph):
            self.unread.add("numbers of lists")
        self._inline(paragraph, pieces, boxes)
        text = "".join(pieces)
        if text or not boxes:
            yield text
        for box in boxes:
            yield from (box,) if isinstance(box, str) else self._blocks(box)

    def _table(self, table: Any) -> Iterator[str]:
        for row in _inside(table, "tr"):
            properties = row.find("{*}trPr")
            if properties is not None and properties.find("{*}del") is not None:
                continue
            cells: list[str] = []
            for cell in _inside(row, "tc"):
                if cell.find("{*}tcPr/{*}cellDel") is not None:
                    continue
                cells.append(" ".join(filter(None, self._blocks(cell))).replace("\n", " "))
                span = cell.find("{*}tcPr/{*}gridSpan")
                # The columns that a merged cell covers stay empty, so that others stand in their own.
                cells += [""] * (
                    0 if span is None else min(int(value_of(span, "val") or 1), _MAX_COLUMNS) - 1
                )
            yield "\t".join(cells)

    def _inline(self, element: Any, pieces: list[str], boxes: list[Any]) -> None:
        """Add the text in an element to ``pieces``, and the text boxes anchored in it to ``boxes``."""
        for child in element:
            name = _name(child)
            if name in _UNREAD:
                self.unread.add(_UNREAD[name])
            if name in ("txbxContent", "txBody"):
                boxes.append(child)
            elif name == "textpath":  # a watermark
                boxes.append(value_of(child, "string"))
            elif name == "AlternateContent":
                self._inline(_chosen(child), pieces, boxes)
            elif name == "object":  # its picture shows what its program would
                inside = set(map(_name, child.iter())) & {"OLEObject", "control"}
                self.unread.update(_UNREAD[kind] for kind in inside)
            elif name in _NOT_SEEN or (name == "r" and is_hidden(child)):
                hidden = name == "r" and any(one.text for one in child.iter("{*}t"))
                self.unread.update(("hidden text",) if hidden else ())
                for mark in child.iter("{*}fldChar"):  # a field may begin in there and end behind it
                    self._field(mark, [])
            elif name not in _PROPERTIES and not self._is_said(name, child, pieces):
                self._inline(child, pieces, boxes)

    def _is_said(self, name: str, element: Any, pieces: list[str]) -> bool:
        """Add what an element without parts stands for, and return whether it is such an element."""
        if name == "t":
            self._say(element.text or "", pieces)
        elif name in _CHARACTERS:
            self._say(_CHARACTERS[name], pieces)
        elif name == "fldChar":
            self._field(element, pieces)
        elif name == "sym":
            self._symbol(element, pieces)
        elif name in _NOTES:
            self._note(name, element, pieces)
        else:
            return False
        return True

    def _say(self, text: str, pieces: list[str]) -> None:
        if not any(self._in_code):
            pieces.append(text)

    def _field(self, mark: Any, pieces: list[str]) -> None:
        kind = value_of(mark, "fldCharType")
        if kind == "begin":
            self._say(form_field(mark), pieces)
            self._in_code.append(True)
        elif kind == "separate" and self._in_code:
            self._in_code[-1] = False
        elif kind == "end" and self._in_code:
            self._in_code.pop()

    def _symbol(self, element: Any, pieces: list[str]) -> None:
        found = symbol(element)
        if not found:
            self.unread.add("symbols of a picture font")
        self._say(found, pieces)

    def _note(self, name: str, reference: Any, pieces: list[str]) -> None:
        key = (name, value_of(reference, "id"))
        first = key not in self._numbers
        number = self._numbers.setdefault(key, len(self._numbers) + 1)
        self._say(f"[{number}]", pieces)
        note = self._texts[_NOTES[name]].get(key[1])
        if first and note is not None:
            self._notes.append(f"[{number}] {' '.join(self._apart(note)).strip()}")

    def _apart(self, container: Any) -> list[str]:
        """Return the lines with text of a part beside the body, in which no field of the body goes on."""
        outside, self._in_code = self._in_code, []
        lines = [line for line in self._blocks(container) if line.strip()]
        self._end_of_fields()
        self._in_code = outside
        return lines

    def _end_of_fields(self) -> None:
        if any(self._in_code):
            self.unread.add("text in a field without an end")


def _related(part: Any, kind: str) -> Any:
    """Return the part that a part or package has for ``kind``, or None."""
    return next((_target(rel) for rel in part.rels.values() if rel.reltype.endswith(f"/{kind}")), None)


def _target(relation: Any) -> Any:
    """Return the part that a relation leads to; None when it leads out of the document or is not there."""
    return None if relation is None or relation.is_external else relation.target_part


def _notes(part: Any, kind: str) -> dict[str, Any]:
    """Return the XML of a document's footnotes or endnotes by their ids."""
    return {value_of(note, "id"): note for note in _root(_related(part, kind))}


def _root(part: Any) -> Any:
    """Return the XML of a part; an empty element for None.

    Raises:
        BadRow: ``unreadable-document`` for entities, which ECMA-376 forbids: their text would be left out.
    """
    from docx.oxml.parser import parse_xml

    if part is None:
        return parse_xml("<none/>")
    root = part.element if hasattr(part, "element") else parse_xml(part.blob)
    if root.getroottree().docinfo.doctype:
        raise BadRow("unreadable-document", "not a Word document: its XML has a document type")
    return root


def _name(element: Any) -> str:
    """Return the name without its namespace; empty for a comment."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _chosen(alternatives: Any) -> Any:
    """Return the one of several renderings of the same that has text; the first when none has any."""
    ways = [way for way in alternatives if _name(way) in ("Choice", "Fallback")]
    with_text = (way for way in ways if any(one.text for one in way.iter("{*}t")))
    return next(with_text, ways[0] if ways else alternatives)


def _inside(element: Any, wanted: str) -> Iterator[Any]:
    """Yield the rows of a table or the cells of a row, out of the controls and changes around them."""
    for child in element:
        name = _name(child)
        if name == wanted:
            yield child
        elif name not in _NOT_SEEN and name not in _PROPERTIES:
            yield from _inside(child, wanted)
