import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.config.decision import DecisionSection
from insource.decision.cost import SECONDS_PER_MONTH, break_even, local_costs


def costs_of(**keys):
    section = {
        "documents_per_month": 50_000,
        "hardware_usd": 3600,
        "hardware_months": 36,
        "power_watts": 90,
        "kwh_usd": 0.25,
        "engineering_usd_per_month": 400,
    }
    return local_costs(DecisionSection(**(section | keys)))


COSTS = costs_of()


def weigh(costs=COSTS, *, seconds=2.0, cloud=30.0):
    return break_even(
        costs, seconds_per_document=seconds, cloud_per_1000_usd=cloud, cloud_source="list price"
    )


def test_the_parts_add_up_by_hand():
    assert COSTS.fixed_monthly_usd == 500
    assert COSTS.running_usd(3600) == pytest.approx(0.09 * 0.25)  # an hour at 90 W
    assert COSTS.per_1000_usd(2.0) == pytest.approx(1000 * (2 / 3600 * 0.09 * 0.25) + 1000 * 500 / 50_000)


def test_break_even_is_fixed_cost_over_the_saving_of_a_document():
    found = weigh()
    running = 2.0 / 3600 * 0.09 * 0.25
    assert found.documents_per_month == pytest.approx(500 / (0.030 - running))
    assert found.capacity_documents_per_month == pytest.approx(SECONDS_PER_MONTH / 2)
    assert "is above that" in found.sentence
    assert "list price" in found.sentence


@given(
    cloud=st.floats(0.1, 1000),
    seconds=st.floats(0.01, 60),
    engineering=st.floats(0, 10_000),
)
def test_at_the_break_even_volume_both_cost_the_same(cloud, seconds, engineering):
    costs = costs_of(engineering_usd_per_month=engineering)
    found = weigh(costs, seconds=seconds, cloud=cloud)
    volume = found.documents_per_month
    if volume is None:
        assert cloud <= found.local_per_1000_usd
    else:
        local = found.fixed_monthly_usd + volume * found.local_per_1000_usd / 1000
        assert volume * cloud / 1000 == pytest.approx(local)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"cloud": None}, "the cloud's price is unknown"),
        ({"seconds": None}, "the local latency was not measured"),
        ({"cloud": 1e-6}, "costs less than the electricity"),
    ],
)
def test_without_a_break_even_it_says_why(options, reason):
    found = weigh(**options)
    assert found.documents_per_month is None
    assert reason in found.reason
    assert found.sentence.startswith("No break-even volume: ")


def test_a_hundred_documents_a_month_do_not_pay_for_hardware():
    costs = costs_of(documents_per_month=100, hardware_usd=15_000)
    found = weigh(costs)
    assert found.documents_per_month > 100
    assert "is below that" in found.sentence


def test_a_machine_too_slow_for_the_volume_is_said():
    assert "less than the volume" in weigh(seconds=100.0).sentence
    assert "less than the volume" not in weigh(seconds=1.0).sentence


def test_every_unmeasured_input_is_an_assumption_with_its_source():
    found = weigh()
    assert found.assumptions[0].name == "cloud price"
    assert found.assumptions[0].source == "list price"
    assert {a.value for a in found.assumptions} >= {50_000, 3600, 36, 90, 0.25, 400, 30.0}
    assert all(a.source and a.unit for a in found.assumptions)
    assert all(a.name != "cloud price" for a in weigh(cloud=None).assumptions)
