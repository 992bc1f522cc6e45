"""Text made to be slow costs what other text costs: time linear in its length."""

import time

import pytest

from insource.config.log import LogSection
from insource.redaction import RedactedIncrements, Redactor

# What rules begin with, or almost are, over and over; found by trying every scrap of every rule.
HOSTILE = (
    *("1", "1111 ", "4111 1111 1111 1112 ", "01 ", "01 23 45 67 8 ", "12345678901 ", "111.111.111-11 "),
    *("1.1.1.1.", "a@", "@a.", "a@a.", "DE89 ", "DE89 AAAA ", "fe80:", "fe80::1:", "tel 12", "+1 ", "sk-"),
    *("password=", "password=aaaaaaaaaaaa", "bearer ", "eyJaaaaaaaa.", "-----BEGIN PRIVATE KEY-----"),
    *("\\", "\\n", "\\u0031", '"', "é", "北"),
)


@pytest.fixture(scope="module")
def redactor(tmp_path_factory):
    section = LogSection(redact=("secrets", "personal"), patterns=(r"(a|a)*b",))
    return Redactor.from_config(section, tmp_path_factory.mktemp("root"))


def seconds(work, scrap, length):
    text = (scrap * (length // len(scrap) + 1))[:length]
    started = time.thread_time()
    work(text)
    return time.thread_time() - started


@pytest.mark.parametrize("scrap", HOSTILE)
def test_eight_times_the_text_takes_no_more_than_thirty_times_the_time(redactor, scrap):
    """Quadratic work would take 64 times; the bound is generous because the machine has other work."""
    seconds(redactor.text, scrap, 1000)
    small = min(seconds(redactor.text, scrap, 10_000) for _ in range(3))
    large = min(seconds(redactor.text, scrap, 80_000) for _ in range(2))
    assert large <= 30 * max(small, 1e-3)


def test_a_megabyte_of_a_pattern_that_explodes_elsewhere_is_read(redactor):
    assert redactor.text("a" * 1_000_000) == "a" * 1_000_000


@pytest.mark.parametrize("scrap", ["a", "1.", "1234 ", "password="])
def test_a_stream_without_a_place_to_cut_costs_no_more_than_linear_time(tmp_path, scrap):
    redactor = Redactor.from_config(LogSection(redact=("secrets", "personal")), tmp_path)

    def stream(text):
        increments = RedactedIncrements(redactor)
        for start in range(0, len(text), 4):
            increments.add(text[start : start + 4])

    small, large = seconds(stream, scrap, 1000), seconds(stream, scrap, 12_000)
    assert large <= 60 * max(small, 4e-3)


def test_a_stream_that_would_be_held_too_long_is_given_up(tmp_path):
    increments = RedactedIncrements(Redactor.from_config(LogSection(redact=("secrets",)), tmp_path))
    assert increments.add("ok then; " + "a" * 20_000) == "ok then; "
    assert increments.add(" and more; ") == ""
