"""The HTML report: what it says, what it never says, and that hostile text stays text."""

import re
import sys
from html.parser import HTMLParser

import pytest
from support.example_results import example_disagreement, example_evaluation, example_result, labels_result

from insource.foundation.errors import PrerequisiteError
from insource.report import render, render_markdown, write_report
from insource.types import NOT_MEASURED, RunResult, Text
from insource.types.evaluation import NeverAnswered

HOSTILE = '"><script>alert(1)</script></title><img src=x onerror=alert(1)>'


class Page(HTMLParser):
    """Tags with their attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def result() -> RunResult:
    return example_result()


@pytest.fixture(scope="module")
def html(result) -> str:
    return render(result)


def test_same_result_same_bytes(result, html):
    assert render(RunResult.model_validate_json(result.model_dump_json())) == html


def test_the_file_is_small_and_loads_nothing(html):
    assert len(html.encode()) < 2_000_000
    page = Page(html)
    assert not {"script", "link", "iframe", "object", "base", "img"} & {tag for tag, _ in page.tags}
    loading = [a for _, attrs in page.tags for a in attrs if a in ("src", "srcset", "xlink:href", "style")]
    assert set(loading) <= {"style"}
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/)", html)
    policies = [a for tag, a in page.tags if tag == "meta" and a.get("http-equiv")]
    assert policies[0]["content"].startswith("default-src 'none'")


def test_sections_come_answer_first(html):
    anchors = [a["id"] for tag, a in Page(html).tags if tag == "section"]
    assert anchors == [
        "verdict", "ladder", "difference", "fields", "groups", "invention", "format", "arms", "latency",
        "break-even", "training", "routing", "disagreements", "data", "provenance", "glossary",
    ]  # fmt: skip


def test_verdict_in_words_with_reasons_and_what_would_change_it(html, result):
    text = Page(html).text
    for said in ("Go", result.verdict.sentence, *result.verdict.reasons, *result.verdict.flips_if):
        assert said in text


@pytest.mark.parametrize(("outcome", "word"), [("go", "Go"), ("no-go", "No-go"), ("undecided", "Undecided")])
def test_every_outcome_has_its_word(outcome, word):
    verdict = example_result().verdict.model_copy(update={"outcome": outcome})
    assert f'<span class="word">{word}</span>' in render(
        labels_result().model_copy(update={"verdict": verdict})
    )


def test_figures_carry_interval_and_n(html):
    assert "95.3%" in html
    assert "[91.2,\u00a099.4]\nn\u00a0=\u00a0100" in html


def test_a_simulated_arm_says_so_wherever_it_is_named(html):
    page = Page(html)
    for row in re.findall(r'<th scope="row">cloud(?! price)(.*?)</tr>', html, re.DOTALL):
        assert "simulated cloud" in row
    labels = [a["aria-label"] for tag, a in page.tags if tag == "svg"]
    naming = [label for label in labels if "cloud" in label and "a month" not in label]
    assert naming
    assert all("simulated cloud" in label for label in naming)
    assert "no verdict" in page.text
    assert "1.20 s" in html
    assert html.count("assumed") > 8


def test_a_simulated_comparison_never_shows_an_outcome(result):
    row = re.findall(r'<th scope="row">tuned − cloud .simulated cloud.</th>.*?</tr>', render(result))[0]
    assert "no verdict" in row
    assert "better" not in row


def test_what_was_not_measured_says_so():
    tuned = example_evaluation("tuned", 100)
    metrics = tuned.metrics | {"hallucination_rate": NOT_MEASURED}
    silent = tuned.model_copy(update={"metrics": metrics, "latency_s": {}})
    html = render(example_result(evaluations=(silent,), comparisons=()))
    assert html.count('<span class="muted">not measured</span>') >= 3
    assert 'id="latency"' not in html


def test_optional_parts_may_be_missing():
    html = render(labels_result())
    anchors = {a.get("id") for _, a in Page(html).tags}
    assert anchors.isdisjoint({"training", "routing", "difference", "groups", "fields"})
    assert "no cloud_outputs in the data" in html
    assert "Macro F1" in html


def test_a_run_without_any_arm_still_renders():
    empty = example_result(evaluations=(), comparisons=(), training=None, parity=None, disagreements=())
    assert "No arm was measured" in render(empty)


def test_free_text_shows_exact_match_only():
    manifest = example_result().dataset.model_copy(update={"output": Text()})
    html = render(labels_result().model_copy(update={"dataset": manifest}))
    assert "Document exact match" in html


def hostile_result() -> RunResult:
    tuned = example_evaluation("tuned", 100)
    arm = tuned.arm.model_copy(update={"name": HOSTILE, "model": HOSTILE})
    fields = tuple(f.model_copy(update={"path": HOSTILE}) for f in tuned.fields[:1])
    hostile = example_disagreement(HOSTILE).model_copy(
        update={
            "input": HOSTILE + "\u202egnp.exe\x00\ud800",
            "answers": {HOSTILE: HOSTILE},
            "explanation": HOSTILE,
        }
    )
    return example_result(
        title=HOSTILE,
        task=HOSTILE,
        command=HOSTILE,
        evaluations=(tuned.model_copy(update={"arm": arm, "fields": fields}),),
        comparisons=(),
        disagreements=(hostile,),
    )


def test_hostile_text_stays_text():
    html = render(hostile_result())
    assert {tag for tag, _ in Page(html).tags}.isdisjoint({"script", "img"})
    assert "<script" not in html
    assert not any(name.startswith("on") for _, attrs in Page(html).tags for name in attrs)


def test_invisible_and_reordering_characters_are_spelled_out():
    html = render(hostile_result())
    assert "\\u202egnp.exe\\u0000\\ud800" in html
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00]", html)
    html.encode()


def test_markdown_escapes_and_keeps_the_table_whole(result):
    text = render_markdown(hostile_result())
    assert "<script" not in text.replace("\\<", "")
    for table in re.split(r"\n(?!\|)", text):
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines() if line.startswith("|")}
        assert len(bars) <= 1


def test_markdown_says_verdict_arms_and_assumptions(result):
    text = render_markdown(result)
    assert text.startswith("### Go: ")
    assert "| cloud (simulated cloud) | 100 |" in text
    assert "$30.00 (assumed)" in text


def test_labels_that_a_cloud_never_gave_are_named_beside_its_comparison(result, html):
    gap = NeverAnswered(arm="gpt", field="(label)", labels=("<b>", "lost"), occurring=77, documents=2, of=500)
    first, *others = result.comparisons
    comparisons = (first.model_copy(update={"never_answered": (gap,)}), *others)
    text = Page(render(result.model_copy(update={"comparisons": comparisons}))).text
    assert "gpt never answered 2 of the 77 labels that occur, on 2 of 500 documents (“<b>”, “lost”)" in text
    assert "never answered" not in Page(html).text


def test_lists_too_long_to_compare_are_said(result, html):
    evaluations = [e.model_copy(update={"unsearched": 3}) for e in result.evaluations]
    text = Page(render(result.model_copy(update={"evaluations": tuple(evaluations)}))).text
    assert f"in 3 of {evaluations[0].n:,} documents, list items were left without a partner" in text
    assert "without a partner" not in Page(html).text


def test_differences_from_the_label_are_marked(html):
    assert re.search(r"power_requirements\.phase</th><td>3</td><td><mark>.*?null", html, re.DOTALL)
    assert "not a JSON object" in html


def test_an_unwritable_path_is_a_clear_error_and_leaves_nothing(tmp_path, result, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(PrerequisiteError) as caught:
        write_report(labels_result(), blocked / "report.html")
    assert caught.value.code == "report-not-written"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_report_is_replaced_whole(tmp_path):
    path = write_report(labels_result(), tmp_path / "runs" / "report.html")
    assert path.read_text(encoding="utf-8") == render(labels_result())
    assert [found.name for found in path.parent.iterdir()] == ["report.html"]


def test_a_missing_extra_names_the_install_line(monkeypatch, result):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(PrerequisiteError, match="vl_convert") as caught:
        render(result)
    assert caught.value.code == "missing-extra"
    assert "insource[report]" in caught.value.hint
