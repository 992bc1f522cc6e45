"""How far reviewers agree, by document and by field."""

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa, to_table
from support.review_rows import JSON_TASK, LABELS, decided, row, workbench_of

from insource.dataset.review.agreement import DOCUMENT, agreement
from insource.dataset.review.fields import fields_of
from insource.dataset.review.workbench import FieldVerdict


def test_agreement_by_document_and_field():
    about = [row({"model": "x", "n": n}, row_id=f"r{n}") for n in range(6)]
    decisions = [decided(one, field) for one in about for field in ("/model", "/n")]
    decisions += [decided(one, "/model", who="bob") for one in about]
    decisions += [decided(one, "/n", "edited", 9, who="bob") for one in about[:2]]
    decisions += [decided(one, "/n", who="bob") for one in about[2:]]
    found = {one.field: one for one in agreement(decisions)}
    assert found[DOCUMENT].agreed.value == found["/n"].agreed.value == 4 / 6
    assert found["/model"].agreed.value == 1
    assert found["/model"].kappa.value is None
    assert "chance" in found["/model"].kappa.note


def test_kappa_of_open_values_is_that_of_the_verdicts():
    about = [row({"no": f"INV-{n}"}, row_id=f"r{n}") for n in range(100)]
    wrong = {"ann": range(30), "bob": range(10, 45)}
    decisions = [
        decided(one, "/no", "rejected" if n in wrong[who] else "accepted", who=who)
        for n, one in enumerate(about)
        for who in wrong
    ]
    theirs = cohens_kappa([[20, 10], [15, 55]])
    for found in agreement(decisions):
        assert (found.agreed.value, found.categories) == (0.75, "verdicts")
        assert found.kappa.value == pytest.approx(theirs.kappa)
        assert (found.kappa.low, found.kappa.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp))
        assert found.kappa.method == "Cohen's κ, Fleiss-Cohen-Everitt"


def test_rejecting_other_rows_than_the_other_reviewer_is_no_agreement():
    about = [row({"no": f"INV-{n}"}, row_id=f"r{n}") for n in range(100)]
    decisions = [decided(one, "/no", "rejected" if n < 10 else "accepted") for n, one in enumerate(about)]
    decisions += [
        decided(one, "/no", "rejected" if 10 <= n < 20 else "accepted", who="bob")
        for n, one in enumerate(about)
    ]
    assert [round(one.kappa.value, 2) for one in agreement(decisions)] == [-0.11, -0.11]


def test_edits_to_other_values_share_the_verdict_and_are_not_alike():
    about = [row({"no": n, "by": "x"}, row_id=f"r{n}") for n in range(4)]
    decisions = [decided(one, "/no", "edited", 9) for one in about[:2]]
    decisions += [decided(one, "/no", "edited", 8, who="bob") for one in about[:2]]
    decisions += [decided(one, "/no", who=who) for one in about[2:] for who in ("ann", "bob")]
    decisions += [decided(one, "/by", who=who) for one in about for who in ("ann", "bob")]
    document, _, number = agreement(decisions)
    for found in (document, number):
        assert (found.agreed.value, found.kappa.value) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("contract", "answers", "pointer"),
    [
        (LABELS, LABELS.names, ""),
        (JSON_TASK, [{"power": {"voltage": one}} for one in ("230 V", "400 V", None)], "/power/voltage"),
    ],
)
def test_kappa_of_what_is_chosen_from_a_list_is_that_of_the_values(tmp_path, contract, answers, pointer):
    records = [{"id": f"r{n}", "input": f"text {n}", "output": answers[n % 3]} for n in range(30)]
    workbench, opened = workbench_of(tmp_path, records, contract)
    places = {"ann": [n % 3 for n in range(30)], "bob": [(n + (n < 9)) % 3 for n in range(30)]}
    for who, chosen in places.items():
        for n, choice in enumerate(chosen):
            fields = fields_of(workbench.rows[n], contract)
            others = [FieldVerdict(one.pointer, "accepted") for one in fields if one.pointer != pointer]
            workbench.save(who, n, [*others, FieldVerdict(pointer, "edited", choice=choice)])
    found = next(one for one in workbench.agreement() if one.field == pointer)
    theirs = cohens_kappa(to_table(np.column_stack([places["ann"], places["bob"]]))[0])
    assert found.categories == "values"
    assert found.kappa.value == pytest.approx(theirs.kappa)
    assert (found.kappa.low, found.kappa.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp))
    opened.__exit__(None, None, None)
