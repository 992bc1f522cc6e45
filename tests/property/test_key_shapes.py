"""Keys of every kind go, also through a stream; names made of words and numbers of versions stay."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insource.config.log import LogSection
from insource.redaction import RedactedIncrements, Redactor

HEX = "0123456789abcdef"
ALNUM = string.ascii_letters + string.digits
URL_SAFE = ALNUM + "-_"


def random_text(alphabet, low, high=None):
    """Text as a key generator makes it: all kinds of characters that it draws from occur."""
    kinds = [set(kind) & set(alphabet) for kind in (string.ascii_lowercase, string.digits)]
    texts = st.text(st.sampled_from(sorted(alphabet)), min_size=low, max_size=high or low)
    return texts.filter(lambda text: len(set(text)) >= 8 and all(kind & set(text) for kind in kinds))


KEYS = {
    "google": ("google-key", random_text(URL_SAFE, 35).map("AIza{}".format)),
    "google since 2026": ("google-key", random_text(URL_SAFE, 40, 60).map("AQ.Ab{}".format)),
    "groq": ("groq-key", random_text(ALNUM, 52).map("gsk_{}".format)),
    "xai": ("xai-key", random_text(ALNUM, 80).map("xai-{}".format)),
    "dashscope": ("openai-key", random_text(HEX, 32).map("sk-{}".format)),
    "openai": ("openai-key", random_text(ALNUM, 48).map("sk-{}".format)),
    "openai project": ("openai-key", random_text(URL_SAFE, 60, 120).map("sk-proj-{}".format)),
    "openrouter": ("openai-key", random_text(HEX, 64).map("sk-or-v1-{}".format)),
    "langfuse": ("openai-key", st.uuids().map("sk-lf-{}".format)),
    "anthropic": ("anthropic-key", random_text(URL_SAFE, 90).map("sk-ant-api03-{}".format)),
}
WORDS = st.sampled_from(
    [
        "hynix",
        "memory",
        "module",
        "for",
        "the",
        "spare",
        "parts",
        "learn",
        "tutorial",
        "a",
        "beginner",
        "Hynix",
        "Memory",
        "semi",
        "conductors",
        "internationalization",
    ]
)
CODES = st.sampled_from(["32gb", "ddr5", "2024", "v2", "20260301", "8", "6000mhz", "h100", "1tb", "x86"])
AROUND = st.sampled_from(["", " ", "\n", "https://shop.test/", '"', "(", "see: ", "é "])


AFTER = st.sampled_from(["", " ", '"', ".\n", ", ", ")", "é"])


@st.composite
def slugs(draw):
    """``sk-hynix-memory-module-32gb``: at least as many words as codes, and two words."""
    words = draw(st.lists(WORDS, min_size=3, max_size=7))
    codes = draw(st.lists(CODES, max_size=len(words) - 1))
    parts = draw(st.permutations([*words, *codes]))
    first = draw(st.sampled_from(["sk", "sk", "sk-ant", "gsk", "xai", "AQ."]))
    dash = draw(st.sampled_from(["-", "_"]))
    return (first if first == "AQ." else first + dash) + dash.join(parts)


@pytest.fixture(scope="module")
def redacting(tmp_path_factory):
    section = LogSection(redact=("secrets", "personal"))
    return Redactor.from_config(section, tmp_path_factory.mktemp("keys"))


def streamed(redactor, text, data):
    """What a stream of the text wrote, and the redacted rest that it still holds."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    increments = RedactedIncrements(redactor)
    pieces = [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    return "".join(increments.add(piece) for piece in pieces), increments.rest()


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(KEYS)),
    before=AROUND,
    after=AFTER,
    data=st.data(),
)
def test_a_key_goes_whatever_stands_around_it(redacting, kind, before, after, data):
    name, keys = KEYS[kind]
    key = data.draw(keys)
    text = before + key + after
    assert redacting.text(text) == f"{before}[secret:{name}]{after}"
    written, rest = streamed(redacting, text, data)
    assert key not in written
    assert written + rest == redacting.text(text)


@settings(max_examples=300, deadline=None)
@given(slug=slugs(), before=AROUND, after=AFTER, data=st.data())
def test_a_name_made_of_words_stays(redacting, slug, before, after, data):
    text = before + slug + after
    assert redacting.text(text) == text
    written, rest = streamed(redacting, text, data)
    assert written + rest == text


@pytest.mark.parametrize(
    "key",
    ["sk-wdhssvnrbjtyk-nbrq-z", "sk-bfnq-ghzp-cwro-2v", "sk-xgdl_crh-rtck-vqlm", "sk-ant-xqkz-brtw-nmpl-7"],
)
def test_parts_that_nobody_can_pronounce_are_no_words(redacting, key):
    assert key not in redacting.text(f"The key is {key}.")


VERSIONS = [
    "version {}",
    "Version: {}",
    "v {}",
    "v{}",
    "V.{}",
    "release {}",
    "releases ({}",
    "rev. {}",
    "build {}",
]
VERSIONS += [
    "firmware {}",
    "numpy=={}",
    "numpy >= {}",
    "numpy~={}",
    "ver={}",
    '"version": "{}"',
    "versión {}",
]
VERSIONS += [
    r"{{\"version\": \"{}\"}}",
    "version number {}",
    "version is {}",
    "Section {}",
    "§ {}",
    "Kapitel {}",
]
VERSIONS += ["Chrome/{} Safari", "HeadlessChrome/{}"]
ADDRESSES = [
    "{}",
    "from {}",
    "server {}",
    "http://{}/",
    "IPv4 {}",
    "host={}",
    "the driver at {}",
    "nov {}",
    "river {}",
]
ADDRESSES += ["ip.addr == {}", "if client_ip != {}", "src=={}", 'dst" == {}']
ADDRESSES += ["version 8 at {}", "prefer {}", "build server {}", "fe {}", "version\n\nThe server is {}"]
QUADS = (
    st.tuples(*[st.integers(1, 254)] * 4)
    .filter(lambda quad: quad[0] != 127)
    .map(lambda quad: ".".join(map(str, quad)))
)


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(VERSIONS),
    quad=QUADS,
    after=st.sampled_from(["", " ", ", ", ")", ":80", "&x", "#", '\\"']),
    data=st.data(),
)
def test_the_number_of_a_version_stays(redacting, form, quad, after, data):
    text = f"Bump to {form.format(quad)}{after}"
    assert redacting.text(text) == text
    written, rest = streamed(redacting, text, data)
    assert written + rest == text


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(ADDRESSES), quad=QUADS, after=st.sampled_from(["", " ", ", ", ")"]), data=st.data()
)
def test_an_address_goes(redacting, form, quad, after, data):
    text = f"Ask {form.format(quad)}{after}"
    assert quad not in redacting.text(text)
    assert redacting.text(text).count("[ip:") == 1
    written, rest = streamed(redacting, text, data)
    assert quad not in written
    assert written + rest == redacting.text(text)
