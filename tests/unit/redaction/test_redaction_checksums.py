"""Our check digits against python-stdnum's, number by number."""

import pytest
from stdnum import iban, luhn
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import ssn

from insource.foundation.rng import generator
from insource.redaction import checksums

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def drawn(form, rng):
    """A number of a form: ``9`` a digit, ``A`` a letter, ``[xyz]`` one of these, ``{ymd}`` a date."""
    date = {
        "y": f"{rng.integers(40, 99):02}",
        "m": f"{rng.integers(1, 13):02}",
        "d": f"{rng.integers(1, 29):02}",
    }
    out, rest = "", form
    while rest:
        head, rest = rest[0], rest[1:]
        if head == "{":
            keys, _, rest = rest.partition("}")
            out += "".join(date[key] for key in keys)
        elif head == "[":
            choices, _, rest = rest.partition("]")
            out += choices[rng.integers(len(choices))]
        else:
            choices = {"9": DIGITS, "A": LETTERS}.get(head, head)
            out += choices[rng.integers(len(choices))]
    return out


CASES = [
    (checksums.luhn, luhn.is_valid, ["9999999999999999"]),
    (
        checksums.iban,
        lambda n: iban.is_valid(n, check_country=False),
        ["DE99999999999999999999", "BE99999999999999", "NO9999999999999"],
    ),
    (
        checksums.us_ssn,
        ssn.is_valid,
        ["999999999", "[0][0][0]999999", "666999999", "99900[09]999", "999990000"],
    ),
    (checksums.nl_bsn, bsn.is_valid, ["999999999"]),
    (checksums.es_dni, lambda n: (nie if n[0] in "XYZ" else dni).is_valid(n), ["99999999A", "[XYZ]9999999A"]),
    (
        checksums.it_codice_fiscale,
        codicefiscale.is_valid,
        ["RSSMRA{y}[ABCDEHLMPRST]{d}H501A", "BNCGLI{y}[ABCDEHLMPRST][45]1F205A"],
    ),
    (checksums.fr_nir, nir.is_valid, ["[12]{ym}[123456789]499999999", "[12]{ym}2[AB]99999999"]),
    (checksums.de_steuer_id, idnr.is_valid, ["[123456789]9999999999", "112345678[09]9", "123456789[019]9"]),
    (checksums.br_cpf, cpf.is_valid, ["99999999999", "1234567[12]999"]),
    (checksums.pl_pesel, pesel.is_valid, ["{ymd}99999", "0923{d}99999"]),
    (checksums.se_personnummer, personnummer.is_valid, ["{ymd}9999", "19{ymd}9999"]),
    (checksums.be_national, nn.is_valid, ["{ymd}99999", "[01]9{md}99999"]),
    (checksums.ch_ahv, ahv.is_valid, ["7569999999999"]),
    (checksums.fi_hetu, hetu.is_valid, ["{dmy}-[012345678]99[0123456789ABCDEFHJKLMNPRSTUVWXY]"]),
    (checksums.no_fodselsnummer, fodselsnummer.is_valid, ["{dmy}[01234]9999"]),
    (checksums.cn_resident, ric.is_valid, ["11010519{ymd}999[0123456789X]"]),
]


@pytest.mark.parametrize(("ours", "oracle", "forms"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_number_passes_exactly_when_the_oracle_passes_it(ours, oracle, forms):
    rng = generator(0, "checksums")
    numbers = [drawn(form, rng) for form in forms for _ in range(2500)]
    verdicts = [(number, ours(number), oracle(number)) for number in numbers]
    assert [verdict for verdict in verdicts if verdict[1] != verdict[2]] == []
    assert any(valid for _, valid, _ in verdicts)
    assert not all(valid for _, valid, _ in verdicts)
