"""Pre-tokenizers: how text is split before byte pairs are merged, by the name that llama.cpp has for each.

A model whose text is split in another way in training than in serving is another model. So a tokenizer is
identified by what it does to probe texts, not by its name: it has to split all of them as one of these does.
The names and what llama.cpp does for them are in its ``src/llama-vocab.cpp``.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
END = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SLASH_END = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CAPITALS, SMALL = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LLAMA_3 = rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{END}"
QWEN_2 = rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{END}"
TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{CAPITALS}*{SMALL}+|[^\r\n\p{{L}}\p{{N}}]?{CAPITALS}+{SMALL}*"
    rf"|\p{{N}}|{SLASH_END}"
)
GPT_4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{CAPITALS}*{SMALL}+{CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{CAPITALS}+{SMALL}*{CONTRACTIONS}?|\p{{N}}{{1,3}}|{SLASH_END}"
)


class PreTokenizer(NamedTuple):
    """One way to split. ``regex`` is empty for GPT-2's own; ``digits`` splits off single digits first.

    ``whole_words`` says that a piece that is a token itself is not merged from bytes (``ignore_merges``).
    """

    name: str
    regex: str = ""
    digits: bool = False
    whole_words: bool = False

    def build(self) -> Any:
        """Return it as a pre-tokenizer of the ``tokenizers`` library."""
        from tokenizers import Regex
        from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

        bytes_of = ByteLevel(add_prefix_space=False, use_regex=not self.regex)
        if self.digits:
            return Sequence([Digits(individual_digits=True), bytes_of])
        if self.regex:
            return Sequence([Split(Regex(self.regex), behavior="isolated"), bytes_of])
        return bytes_of


PRE_TOKENIZERS = (
    PreTokenizer("llama-bpe", LLAMA_3, whole_words=True),
    PreTokenizer("dbrx", LLAMA_3),
    PreTokenizer("qwen2", QWEN_2),
    PreTokenizer("tekken", TEKKEN, whole_words=True),
    PreTokenizer("gpt-4o", GPT_4O),
    PreTokenizer("smollm", digits=True),
    PreTokenizer("gpt-2"),
)
# Other names in GGUF files for the same ways to split.
SAME = {
    "default": "gpt-2",
    "gpt2": "gpt-2",
    "llama3": "llama-bpe",
    "llama-v3": "llama-bpe",
    "smaug-bpe": "dbrx",
    "lfm2": "llama-bpe",
    "deepseek-r1-qwen": "qwen2",
    "llama4": "gpt-4o",
}
PROBES = (
    "Voltage: 480 V, 12345 units; x=0.5e-10",
    "it's WE'LL they'Re can't I'D",
    "CamelCaseWord HTTPServer iPhone ÉCOLE éCOLE",
    "  two spaces\tand\ttabs \n\n new\r\nlines   \n",
    "path/to//file/ http://a.b/c?d=e&f=g ---- !!! ...//\n",
    "naïve façade Straße 日本語テキスト 한국어 नमस्ते ١٢٣ Ⅷ ²³",
    '{"a": [1, -2.50], "b": null}\n',
    "$100,000.00 (50%) #tag @user 🎉🎉 x² e\u0301",
)


def named(name: str) -> PreTokenizer | None:
    """Return the pre-tokenizer that llama.cpp has under this name, None for one that is not known here."""
    sought = SAME.get(name, name)
    return next((known for known in PRE_TOKENIZERS if known.name == sought), None)


def identified(tokenizer: dict[str, Any]) -> tuple[PreTokenizer | None, str]:
    """Return the known pre-tokenizer that splits as the one of a ``tokenizer.json``, or None and the reason.

    The reason names the probe that the nearest known one splits in another way.
    """
    from tokenizers import Tokenizer

    part = tokenizer.get("pre_tokenizer")
    if part is None:
        return None, "it has no pre-tokenizer"
    bare = {"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": part}
    theirs = Tokenizer.from_str(json.dumps(bare)).pre_tokenizer
    whole_words = bool(tokenizer["model"].get("ignore_merges"))
    nearest, differs = None, list(PROBES)
    for known in PRE_TOKENIZERS:
        ours = known.build()
        wrong = [text for text in PROBES if _pieces(theirs, text) != _pieces(ours, text)]
        if not wrong and known.whole_words == whole_words:
            return known, ""
        if len(wrong) < len(differs):
            nearest, differs = known, wrong
    if nearest and not differs:
        return None, f"it splits as `{nearest.name}`, but with `ignore_merges` {whole_words}"
    like = f"; the nearest, `{nearest.name}`, splits {differs[0]!r} differently" if nearest else ""
    return None, f"it splits text as no pre-tokenizer of llama.cpp that is known here{like}"


def _pieces(pre_tokenizer: Any, text: str) -> list[str]:
    return [piece for piece, _ in pre_tokenizer.pre_tokenize_str(text)]
