"""What leaves this machine names a base model as others know it."""

import pytest

from insource.export.card import public_name


@pytest.mark.parametrize(
    ("base", "named"),
    [
        ("hf//home/alice/secret/tiny", "tiny"),
        ("hf/./models/tiny", "tiny"),
        ("hf/~/tiny", "tiny"),
        ("gguf//home/alice/tiny.gguf", "tiny.gguf"),
        ("gguf/models/tiny.gguf", "tiny.gguf"),
        ("hf/org/tiny", "org/tiny"),
        ("hf/org/tiny@v1.0", "org/tiny"),
        ("ollama/tiny:latest", "ollama/tiny:latest"),
        ("smollm2-135m-instruct", "smollm2-135m-instruct"),
    ],
)
def test_a_base_is_named_without_a_path_of_this_machine(base, named):
    assert public_name(base) == named
