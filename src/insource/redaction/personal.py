"""Rules for personal data: addresses, numbers and accounts with a recognisable form or check digit.

A weak check digit alone would match every ninth order number, so such rules also require a keyword (``tel``,
``BSN``) or a form with separators. Names and street addresses have no form; Presidio finds those.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from insource.redaction import checksums
from insource.redaction.rules import RedactionRule, Refine, Span

_SPACE = r"[ \x{a0}\x{202f}]"
_DASH = r"[\-\x{2010}-\x{2013}]"
_SEPARATOR = r"[ \x{a0}\x{202f}\-\x{2010}-\x{2013}./()]"
_RAW_SEPARATOR = rf"(?:\\*{_SEPARATOR})"  # JSON may write a slash as ``\/``

_PHONE_WORDS = (
    r"telephone|telefono|telefon|teléfono|téléphone|tel|phone|mobile|mobil|móvil|cell|celular|handy|fax"
    r"|whatsapp|call|rufnummer|gsm"
)
_PHONE_WORD_DIGITS = rf"(\+?\(?\d(?:{_SEPARATOR}{{0,3}}\d){{6,14}})\b"
# A dotted number after these words is a version or a section, not an address.
_NUMBERED = (
    r"version\w*|versión|versione|versão|versie|ver|v|release[sd]?|rel|revision|rev|build|firmware"
    r"|section|sec|chapter|clause|appendix|abschnitt|kapitel|sección|§"
)
_NUMBER_WORDS = "number|no|nr|is|was"
_BEFORE_A_VERSION = re.compile(
    rf"(?:(?<!\w)(?:{_NUMBERED})(?!\w)(?:\s+(?:{_NUMBER_WORDS}))?[\s.:=#(\"'`\\]{{0,12}}"
    r"|[=~<>!^]=\s?|(?:chrome|chromium|edge?|opr|firefox|safari|webkit)/)$",
    re.IGNORECASE,
)
# ``ip.addr == 10.1.2.3`` compares an address, ``numpy==1.2.3.4`` names a version.
_ADDRESSES = "ip|addr|address|host|src|dst|peer|server|client"
_COMPARED_ADDRESS = re.compile(rf"(?:{_ADDRESSES})\W{{0,3}}[=!]=\s?$", re.IGNORECASE)
_MOST_BEFORE = 40  # bytes
_BSN_WORDS = r"bsn|sofi(?:nummer)?|burgerservicenummer"


def _compact(text: bytes) -> str:
    return re.sub(rb"[^0-9A-Za-z]+", b"", text).decode().upper()


def _same_value(text: bytes) -> bytes:
    return _compact(text).encode()


def _same_phone(text: bytes) -> bytes:
    return re.sub(rb"\D+", b"", text.replace(b"(0)", b"")).removeprefix(b"00")


def _same_address(text: bytes) -> bytes:
    return text.decode().lower().encode()


def _standalone(data: bytes, start: int, end: int) -> bool:
    """Whether a number is not part of a longer one, such as a decimal, a version or a part number."""
    before, after = data[max(0, start - 2) : start], data[end : end + 2]
    if len(before) == 2 and before[1:] in b"-./" and before[:1].isdigit():
        return False
    return not (len(after) == 2 and after[:1] in b"-./" and after[1:].isdigit())


def _checked(check: Callable[[str], bool]) -> Refine:
    """Return a refinement that accepts only numbers with valid check digits."""

    def refine(data: bytes, start: int, end: int) -> Span | None:
        valid = _standalone(data, start, end) and check(_compact(data[start:end]))
        return (start, end) if valid else None

    return refine


def _iban(data: bytes, start: int, end: int) -> Span | None:
    """Cut the match to the length of its country's IBANs, because it may include the next word."""
    length = checksums.IBAN_LENGTH.get(data[start : start + 2].decode().upper(), 0)
    count = 0
    for position in range(start, end):
        count += data[position : position + 1].isalnum()
        if count == length:
            stop = position + 1
            whole = not data[stop : stop + 1].isalnum() and checksums.iban(_compact(data[start:stop]))
            return (start, stop) if whole else None
    return None


def _ip(data: bytes, start: int, end: int) -> Span | None:
    if not _standalone(data, start, end):
        return None
    before = data[max(0, start - _MOST_BEFORE) : start].decode("utf-8", "replace")
    if _BEFORE_A_VERSION.search(before) and not _COMPARED_ADDRESS.search(before):
        return None
    try:
        address = ipaddress.ip_address(data[start:end].decode())
    except ValueError:
        return None
    return None if address.is_loopback or address.is_unspecified else (start, end)


def _phone(data: bytes, start: int, end: int) -> Span | None:
    """Accept 8 to 15 digits (E.164) in groups; single digits after the area code are not a phone number."""
    text = data[start:end]
    groups = re.findall(rb"\d+", text.replace(b"(0)", b" "))
    digits = sum(map(len, groups))
    padded = text.startswith(b"00") and text.isdigit()  # a serial number rather than an international call
    if not 8 <= digits <= 15 or padded or not _standalone(data, start, end):
        return None
    return None if any(len(group) < 2 for group in groups[2:]) else (start, end)


def _national_phone(data: bytes, start: int, end: int) -> Span | None:
    """Accept 9 to 12 digits with one kind of separator after the area code; reject dates and
    lists of codes.
    """
    text = data[start:end].decode()
    if text.startswith("(") and ")" not in text:  # the bracket belongs to the sentence
        return _national_phone(data, start + 1, end)
    groups = re.findall(r"\d+", text)
    separators = {gap.strip("()") or " " for gap in re.findall(r"\D+", text.lstrip("("))[1:]}
    date = len(groups) >= 3 and [len(group) for group in groups[:3]] in ([2, 2, 4], [2, 2, 2])
    french = len(groups) == 5 and {len(group) for group in groups} == {2}
    codes = len(groups) > 1 and all(group.startswith("0") for group in groups)
    if len(separators) > 1 or (date and not french) or codes:
        return None
    if not 9 <= sum(map(len, groups)) <= 12:
        return None
    return _phone(data, start, end)


def _spoken_phone(data: bytes, start: int, end: int) -> Span | None:
    return (start, end) if 7 <= sum(map(bytes.isdigit, _bytes(data[start:end]))) <= 15 else None


def _bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def _number(name: str, pattern: str, check: Callable[[str], bool], raw: str = "") -> RedactionRule:
    return RedactionRule(name, pattern, refine=_checked(check), raw=raw, normal=_same_value, bounded=True)


_IDS = (
    _number("us-ssn", r"\b\d{3}-\d{2}-\d{4}\b", checksums.us_ssn),
    _number(
        "nl-bsn",
        rf"(?i)\b(?:{_BSN_WORDS})\b[^0-9\n]{{0,20}}(\d{{9}}|\d{{4}}\.\d{{2}}\.\d{{3}})\b",
        checksums.nl_bsn,
        raw=rf"(?i:(?:{_BSN_WORDS})[^0-9]*\d{{4}})",
    ),
    _number("es-dni", r"\b(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]\b", checksums.es_dni),
    _number(
        "it-codice-fiscale",
        r"(?i)\b[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]\b",
        checksums.it_codice_fiscale,
    ),
    _number(
        "fr-nir",
        rf"\b[1-478]{_SPACE}?\d\d{_SPACE}?\d\d{_SPACE}?(?:\d\d|2[AB]){_SPACE}?\d{{3}}{_SPACE}?\d{{3}}"
        rf"{_SPACE}?\d\d\b",
        checksums.fr_nir,
    ),
    _number("de-steuer-id", r"\b[1-9]\d(?: ?\d{3}){3}\b", checksums.de_steuer_id),
    _number("br-cpf", r"\b(?:\d{3}\.\d{3}\.\d{3}-\d{2}|\d{11})\b", checksums.br_cpf),
    _number("pl-pesel", r"\b\d{11}\b", checksums.pl_pesel),
    _number("se-personnummer", r"\b(?:19|20)?\d{6}[-+]\d{4}\b", checksums.se_personnummer),
    _number("be-national", r"\b\d\d\.?\d\d\.?\d\d-?\d{3}\.?\d\d\b", checksums.be_national),
    _number("ch-ahv", r"\b756\.?\d{4}\.?\d{4}\.?\d\d\b", checksums.ch_ahv),
    _number("no-fodselsnummer", r"\b\d{6} ?\d{5}\b", checksums.no_fodselsnummer),
    _number("cn-resident", r"\b\d{17}[\dXx]\b", checksums.cn_resident),
    RedactionRule(
        "fi-hetu",
        r"\b\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]\b",
        # the sign is part of the number, so there is no compact form
        refine=lambda data, start, end: (start, end) if checksums.fi_hetu(data[start:end].decode()) else None,
        normal=lambda text: text,
        bounded=True,
    ),
)

PERSONAL = (
    RedactionRule(
        "email",
        r"[\p{Latin}\p{Greek}\p{Cyrillic}0-9._%+\-]+@(?:[\p{Latin}\p{Greek}\p{Cyrillic}0-9\-]+\.)+"
        r"[\p{Latin}\p{Greek}\p{Cyrillic}]{2,24}",
        raw=r"@[\p{Latin}\p{Greek}\p{Cyrillic}0-9\-]",
        normal=_same_address,
    ),
    RedactionRule(
        "iban",
        rf"(?i)\b[A-Z]{{2}}\d\d(?:{_SPACE}?[A-Z0-9]{{4}}){{2,7}}(?:{_SPACE}?[A-Z0-9]{{1,3}})?\b",
        refine=_iban,
        normal=_same_value,
        bounded=True,
    ),
    _number(
        "card",
        rf"\b(?:\d{{13,19}}|\d{{4}}(?:{_SPACE}\d{{4}}){{2}}{_SPACE}\d{{1,7}}|\d{{4}}(?:-\d{{4}}){{2}}-\d{{1,7}}"
        rf"|\d{{4}}[ -]\d{{6}}[ -]\d{{4,5}})\b",
        checksums.card,
    ),
    *_IDS,
    RedactionRule("ip", r"\b\d{1,3}(?:\.\d{1,3}){3}\b", refine=_ip, normal=_same_address, bounded=True),
    RedactionRule(
        "ip",
        r"(?i)\b(?:[23][0-9a-f]{3}|f[c-f][0-9a-f]{2}):[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){1,6}\b",
        refine=_ip,
        normal=lambda text: ipaddress.ip_address(text.decode()).compressed.encode(),
        bounded=True,
    ),
    RedactionRule(
        "phone",
        rf"(?:\+|\b00)[1-9](?:{_SEPARATOR}{{0,3}}\d){{7,14}}\b",
        refine=_phone,
        raw=rf"(?:\+|00)[1-9](?:{_RAW_SEPARATOR}{{0,3}}\d){{7}}",
        normal=_same_phone,
        bounded=True,
    ),
    RedactionRule(
        "phone",
        r"(?:\b1[ .\-])?(?:\([2-9]\d\d\) ?|\b[2-9]\d\d[.\-])[2-9]\d\d[ .\-]\d{4}\b",
        refine=_phone,
        normal=_same_phone,
        bounded=True,
    ),
    RedactionRule(
        "phone",
        rf"(?:\(0|\b0)[1-9]\d{{0,4}}{_SEPARATOR}{{1,3}}\d(?:{_SEPARATOR}?\d){{4,9}}\b",
        refine=_national_phone,
        raw=rf"0[1-9]\d{{0,4}}{_RAW_SEPARATOR}{{1,3}}\d(?:{_RAW_SEPARATOR}?\d){{4}}",
        normal=_same_phone,
        bounded=True,
    ),
    RedactionRule(
        "phone",
        rf"(?i)\b(?:{_PHONE_WORDS})\b[^0-9+(\n]{{0,16}}{_PHONE_WORD_DIGITS}",
        refine=_spoken_phone,
        raw=rf"(?i:(?:{_PHONE_WORDS})[^0-9]*\d(?:{_RAW_SEPARATOR}{{0,3}}\d){{6}})",
        normal=_same_phone,
        bounded=True,
    ),
)

# Text that may become a finding when more follows: digits, an account, a keyword before a number.
UNFINISHED_PERSONAL = (
    rf"[+(]?\d(?:{_SEPARATOR}|[+\d]){{0,64}}",
    r"(?i)\b[A-Z]{2}\d\d[A-Z0-9 \x{a0}\x{202f}]{0,48}",
    rf"(?i)(?:{_NUMBERED})(?:\s+(?:{_NUMBER_WORDS}))?[\s.:=#(\"'`\\]{{0,12}}(?:\d[\d.]*)?",
    rf"(?i)(?:(?:{_ADDRESSES})\W{{0,3}})?[=~<>!^]=\s?(?:\d[\d.]*)?|(?:{_ADDRESSES})\W{{0,3}}[=!]?",
    rf"(?i)\b(?:{_PHONE_WORDS}|{_BSN_WORDS})\b[^0-9\n]{{0,24}}(?:[+(]{{0,2}}\d(?:{_SEPARATOR}|\d){{0,64}})?",
)
