"""Check digits of numbers that identify a person or an account.

Each function takes a number in compact form (ASCII digits and capitals, no separators) and returns whether it
is valid. The patterns in ``personal`` check the form.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

# ISO 13616 registry: length of an IBAN by country.
_IBAN_LENGTHS = {
    length: countries.split()
    for length, countries in (
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI FK FO GL NL SD"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU MN XK"),
        (21, "CH HR LI LV"),
        (22, "BG BH CR DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU YE"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    )
}
IBAN_LENGTH = {country: length for length, countries in _IBAN_LENGTHS.items() for country in countries}


def luhn(number: str) -> bool:
    """The Luhn check digit (ISO/IEC 7812-1, annex B)."""
    total = 0
    for position, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card(number: str) -> bool:
    """A payment card number: an issuer's range, a valid length and the Luhn check digit."""
    return _issued_length(number) and luhn(number)


def _issued_length(number: str) -> bool:
    """The ranges in use: Visa, Mastercard, Mir, Amex, Diners, JCB, Maestro, Discover, UnionPay."""
    length, two, four = len(number), int(number[:2]), int(number[:4])
    if number[0] == "4":
        return length in (13, 16, 19)
    if 51 <= two <= 55 or 2200 <= four <= 2204 or 2221 <= four <= 2720:
        return length == 16
    if two in (34, 37):
        return length == 15
    if two in (36, 38, 39) or 300 <= int(number[:3]) <= 305:
        return length in (14, 16, 19)
    if 3528 <= four <= 3589:
        return length in (16, 19)
    return (two in (50, 81) or 56 <= two <= 69) and length in (16, 18, 19)


def iban(number: str) -> bool:
    """ISO 13616: the country's length, and the remainder 1 of ISO/IEC 7064 MOD 97-10."""
    if len(number) != IBAN_LENGTH.get(number[:2]):
        return False
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


def us_ssn(number: str) -> bool:
    """Has no check digit: reject area, group and serial numbers that were never issued."""
    area, group, serial = number[:3], number[3:5], number[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def nl_bsn(number: str) -> bool:
    """The eleven test, with -1 as the last weight."""
    return number != "0" * 9 and _weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def es_dni(number: str) -> bool:
    """DNI and NIE: the letter is given by the number modulo 23; X, Y and Z count as 0, 1, 2."""
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return number[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23]


_CODICE_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21] * 2  # A to J as 0 to 9
        + [2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23],
        strict=True,
    )
)


def it_codice_fiscale(number: str) -> bool:
    """Decree of 23 December 1976: the last letter follows from two tables, for odd and even positions."""
    odd = sum(_CODICE_ODD[character] for character in number[:15:2])
    even = sum(int(c, 36) - (0 if c.isdigit() else 10) for c in number[1:15:2])
    return number[15] == chr(65 + (odd + even) % 26)


def fr_nir(number: str) -> bool:
    """The key is 97 minus the number modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    digits = number[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(digits) % 97 == int(number[13:])


def de_steuer_id(number: str) -> bool:
    """Of the first ten digits, one occurs two or three times and no other twice; ISO/IEC 7064 MOD 11,10."""
    counts = sorted(number[:10].count(digit) for digit in set(number[:10]))
    if counts[-1] not in (2, 3) or counts[:-1] != [1] * (len(counts) - 1):
        return False
    product = 10
    for digit in number[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(number[10])


def br_cpf(number: str) -> bool:
    """Two check digits modulo 11; eleven equal digits pass the sums but are not issued."""
    first = _weighted(number[:9], range(1, 10)) % 11 % 10
    second = _weighted(number[:10], range(10)) % 11 % 10
    return len(set(number)) > 1 and number[9:] == f"{first}{second}"


def pl_pesel(number: str) -> bool:
    """The month encodes the century (80, 0, 20, 40, 60); weights 1, 3, 7, 9."""
    month = int(number[2:4])
    year = {4: 1800, 0: 1900, 1: 2000, 2: 2100, 3: 2200}[month // 20] + int(number[:2])
    sums = _weighted(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1))
    return sums % 10 == 0 and _is_date(year, month % 20, int(number[4:6]))


def se_personnummer(number: str) -> bool:
    """Ten or twelve digits with a Luhn check digit; a co-ordination number has 60 added to the day."""
    ten = number[-10:]
    year, day = int(number[:4]) if len(number) == 12 else 2000 + int(ten[:2]), int(ten[4:6])
    return luhn(ten) and _is_date(year, int(ten[2:4]), day - 60 if day > 60 else day)


def be_national(number: str) -> bool:
    """The key is 97 minus the number modulo 97; for people born since 2000, the number has a 2 in front."""
    key, body = int(number[9:]), number[:9]
    month = int(number[2:4]) % 20  # 20 or 40 are added for people without a registered place
    plausible = month <= 12 and int(number[4:6]) <= 31
    young = number[:2] < "40" and key == 97 - int("2" + body) % 97
    return plausible and (key == 97 - int(body) % 97 or young)


def ch_ahv(number: str) -> bool:
    """EAN-13 check digit."""
    return _weighted(number, (1, 3) * 6 + (1,)) % 10 == 0


def fi_hetu(number: str) -> bool:
    """The check character follows from birth date and number modulo 31; the sign encodes the century."""
    century = 1800 if number[6] == "+" else 1900 if number[6] in "-UVWXY" else 2000
    day, month, year = int(number[:2]), int(number[2:4]), century + int(number[4:6])
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number[:6] + number[7:10]) % 31]
    return number[10] == check and _is_date(year, month, day)


def no_fodselsnummer(number: str) -> bool:
    """Two check digits modulo 11; D numbers have 40 added to the day, H numbers to the month."""
    first = _weighted(number[:10], (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    second = _weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11
    day, month = int(number[:2]) % 40, int(number[2:4]) % 40
    return first == second == 0 and 1 <= day <= 31 and 1 <= month <= 12


def cn_resident(number: str) -> bool:
    """ISO/IEC 7064 MOD 11-2 over region, birth date and serial."""
    check = "10X98765432"[sum(int(d) * pow(2, 17 - i, 11) for i, d in enumerate(number[:17])) % 11]
    return number[17] == check and _is_date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def _weighted(number: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=True))


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
