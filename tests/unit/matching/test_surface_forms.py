"""Surface forms: which fields have a shape, and what keeps to it."""

from __future__ import annotations

import pytest

from insource.matching.surface import SurfaceForms, shape

SCHEMA = {
    "type": "object",
    "properties": {
        "amperage": {"type": ["string", "null"], "x-insource": {"compare": "quantity", "unit": "A"}},
        "date": {"type": "string", "format": "date"},
        "note": {"type": "string"},
    },
}
NOTES = ["ok", "See p. 4", "a/b", "(none)", "Call back!", "1 of 2", "x = 3", "d'accord", "50% off", "A&B"]
LABELS = [
    {
        "amperage": f"{n} A" if n % 2 else f"{n}.5 A",
        "date": f"2026-04-{10 + n % 20}",
        "note": NOTES[n % 10] + "!" * (n // 10),
    }
    for n in range(1, 61)
]
FORMS = SurfaceForms.fit(LABELS, SCHEMA)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("480 V", "999 A"),
        ("2026-04-12", "9999-99-99"),
        ("Modbus TCP", "Aa A"),
        (7, "<number>"),
        (True, "<boolean>"),
    ],
)
def test_shapes(value, expected):
    assert shape(value) == expected


def test_measures_and_dates_are_shaped_free_text_is_not():
    assert FORMS.shaped("amperage")
    assert FORMS.shaped("date")
    assert not FORMS.shaped("note")
    assert FORMS.labels == {"amperage": 60, "date": 60, "note": 60}


@pytest.mark.parametrize(
    ("path", "value", "canonical"),
    [
        ("amperage", "125 A", True),
        ("amperage", "12.25 A", True),
        ("amperage", "12A", False),
        ("amperage", "12 amps", False),
        ("amperage", 12, False),
        ("date", "2027-01-31", True),
        ("date", "2027-1-31", False),
        ("date", "31.01.2027", False),
        ("note", "anything § at all", True),
        ("unknown", "x", True),
    ],
)
def test_canonical(path, value, canonical):
    assert FORMS.canonical(path, value) is canonical


def test_an_equal_value_is_spelled_as_its_label():
    assert FORMS.canonical("amperage", "12 A", gold="12 A")
    assert not FORMS.canonical("amperage", "12.0 A", gold="12 A")
    assert FORMS.canonical("note", "OK", gold="ok")


def test_too_few_labels_say_nothing():
    assert SurfaceForms.fit(LABELS[:19], SCHEMA).shapes == {}


def test_every_label_is_canonical():
    assert all(FORMS.canonical(path, label[path], label[path]) for label in LABELS for path in label)
