"""Figures that the pages quote from the code are the code's."""

from __future__ import annotations

import math
import re

from unit.docs.generated_pages import ROOT

from insource.config.routing import RoutingSection
from insource.demo.invoices.run import FULL as INVOICES_FULL
from insource.demo.invoices.run import QUICK as INVOICES
from insource.demo.layouts import HELD_OUT, LAYOUTS
from insource.demo.run import FULL
from insource.evaluation.estimators import MIN_GROUPS
from insource.export.parity import MAX_MEAN_LOGPROB_DIFFERENCE, MIN_TOKEN_AGREEMENT
from insource.models.fake import PUBLISHED
from insource.routing.tokens.replay import TINY_MASS
from insource.stats.learn_then_test import ltt_sizes, minimum_calibration_n
from insource.types import Comparison, Verdict

NUMBERS = {5: "five", 8: "eight"}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_demo_in_the_readme():
    readme = text("README.md")
    assert f"{len(LAYOUTS)} layouts" in readme
    assert f"{NUMBERS[len(HELD_OUT)].capitalize()} layouts appear in the test split only" in readme
    assert f"{FULL.train} training and {FULL.test:,} test documents" in readme


def test_the_documents_of_the_invoices_demo():
    page, sizes = text("docs/guides/invoices-demo.md"), INVOICES.layouts
    rows = dict(re.findall(r"^\| (\w+) \| ([\d +]+) \|", page, re.MULTILINE))
    assert rows == {
        "train": f"{20 * sizes.train}",
        "validation": f"{4 * sizes.validation}",
        "calibration": f"{20 * sizes.calibration}",
        "test": f"{20 * sizes.seen} + {6 * sizes.unseen}",
    }
    assert f"`--full` takes {20 * INVOICES_FULL.layouts.train:,} training documents" in page
    assert f"the {6 * INVOICES_FULL.layouts.unseen} test documents" in page


def test_the_rates_of_the_simulated_cloud():
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", text("docs/concepts/simulated-cloud.md"), re.MULTILINE))
    assert rows["format consistency"] == f"{PUBLISHED.format_consistency:.0%}".replace("%", " %")
    assert rows["documents with an invented value"] == f"{PUBLISHED.hallucination_rate:.0%}".replace(
        "%", " %"
    )
    assert rows["field accuracy"] == f"{PUBLISHED.field_accuracy:.0%}".replace("%", " %")
    assert rows["latency"] == f"{PUBLISHED.latency_s:g} s"
    assert rows["cost"] == f"${PUBLISHED.cost_usd_per_call * 1000:.0f} per 1,000 documents"


def test_the_thresholds_of_the_parity_gate():
    for page in ("docs/concepts/parity.md", "docs/adr/0003-parity-by-reading-back.md"):
        assert f"{MIN_TOKEN_AGREEMENT:.0%}".replace("%", " %") in text(page)
        assert f"{MAX_MEAN_LOGPROB_DIFFERENCE:.2f}" in text(page)


def test_the_least_calibration_data():
    routing = RoutingSection()
    least = minimum_calibration_n(routing.max_error, routing.delta)
    assert f"{least} for {routing.max_error:.0%}".replace("%", " %") in text(
        "docs/concepts/confidence-and-cascade.md"
    )
    assert f"at least {least} calibration documents" in text("docs/guides/your-own-data.md")
    starts = [ltt_sizes(n, routing.max_error, routing.delta)[0] for n in (100, 325, 2000)]
    assert "{} of 100, {} of 325 and {} of 2,000 for 10 %".format(*starts) in text(
        "docs/concepts/confidence-and-cascade.md"
    )
    assert f"less than {TINY_MASS:.0%}".replace("%", " %") in text("docs/concepts/confidence-and-cascade.md")


def test_the_words_of_comparison_and_verdict():
    page = text("docs/concepts/how-we-compare.md")
    words = re.findall(r"'([a-z -]+)'", str(Comparison.model_fields["outcome"].annotation))
    words += re.findall(r"'([a-z -]+)'", str(Verdict.model_fields["outcome"].annotation))
    assert len(words) == 8
    assert all(f"| *{word}* |" in page for word in words)
    assert f"at least {NUMBERS[MIN_GROUPS]} groups" in page


def test_the_bound_quoted_for_no_error_in_a_hundred():
    assert math.isclose(1 - 0.05 ** (1 / 100), 0.03, abs_tol=0.001)  # "below about 3 %"
    assert "100 documents without an invented value" in text("docs/concepts/how-we-compare.md")


def test_every_check_has_its_section_in_the_order_of_fixes():
    from insource.dataset.checks.suite import NAMES

    text = (ROOT / "docs/concepts/dataset-checks.md").read_text(encoding="utf-8")
    assert [title for title in re.findall(r"^## (.+)$", text, re.MULTILINE) if title in NAMES] == list(NAMES)
