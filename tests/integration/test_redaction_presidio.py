"""The real Presidio, where it is installed. It finds what has a form without a language model too.

Warnings of its libraries are theirs.
"""

import json

import pytest

from insource.config.log import LogSection
from insource.foundation.errors import PrerequisiteError
from insource.logs.recorder import Recorder
from insource.redaction import Redactor
from insource.redaction.presidio import finder_of, stay_offline
from insource.redaction.pseudonyms import Pseudonyms
from insource.redaction.secrets import SECRETS
from insource.store.calls.calls import find_calls

spacy = pytest.importorskip("spacy", reason="Presidio is not installed")
presidio = pytest.importorskip("presidio_analyzer", reason="Presidio is not installed")
nlp_engine = pytest.importorskip("presidio_analyzer.nlp_engine", reason="Presidio is not installed")
pytestmark = pytest.mark.filterwarnings("default")

SAID = "Pay with 4111 1111 1111 1111 or by IBAN GB82WEST12345698765432, SSN 536-90-4399, to jo@example.com."


class Blank(nlp_engine.SpacyNlpEngine):
    """English words, and nothing known about them."""

    def load(self):
        self.nlp = {"en": spacy.blank("en")}


@pytest.fixture
def finder():
    stay_offline()
    engine = Blank(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.load()
    return finder_of(presidio.AnalyzerEngine(nlp_engine=engine, supported_languages=["en"]))


def test_what_the_real_library_finds_is_where_it_says(finder):
    found = {kind: SAID[start:end] for start, end, kind in finder(SAID)}
    assert found["credit-card"] == "4111 1111 1111 1111"
    assert found["iban-code"] == "GB82WEST12345698765432"
    assert found["us-ssn"] == "536-90-4399"
    assert found["email-address"] == "jo@example.com"


def test_a_recorded_call_is_redacted_by_it_and_nothing_is_downloaded(finder, tmp_path):
    redactor = Redactor(SECRETS, pseudonyms=Pseudonyms.of(tmp_path), finder=finder)
    with Recorder.open(tmp_path, redactor=redactor) as recorder:
        messages = [{"role": "user", "content": f"Zoë said: {SAID}"}]
        recording = recorder.begin({"messages": messages}, model_asked="m")
        recording.chunk("It is 536-90-")
        recording.chunk("4399.")
        recording.end(response_text="It is 536-90-4399.", status=200)
        recorder.flush()
        (call,) = find_calls(recorder.database)
    asked = call.request["messages"][0]["content"]
    assert asked.startswith("Zoë said: Pay with [credit-card:")
    pseudonym = call.response_text.removeprefix("It is ").removesuffix(".")
    assert pseudonym.startswith("[us-ssn:")
    assert pseudonym in asked  # the same value has the same name on both sides
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in ("4111 1111", "GB82WEST", "536-90-4399", "jo@example.com"):
        assert secret.encode() not in kept
        assert json.dumps(secret).encode() not in kept


def test_without_a_model_for_names_it_says_what_to_install(tmp_path):
    if any(name.startswith("en_core_web_") for name in spacy.util.get_installed_models()):
        pytest.skip("a language model is installed")
    with pytest.raises(PrerequisiteError) as caught:
        Redactor.from_config(LogSection(presidio=True), tmp_path)
    assert caught.value.code == "presidio-model-missing"
    assert "python -m spacy download" in caught.value.hint
