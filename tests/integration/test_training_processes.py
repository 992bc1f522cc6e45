"""Several processes train what one process trains: two with gloo, on a tiny random model."""

import pytest
from support.recipes import recipe, rows
from support.tiny_models import tiny_model
from support.token_rows import token_rows

from insource.models.catalogue import resolve

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("base")
        patch.setenv("INSOURCE_CACHE", str(folder / "cache"))
        yield resolve(f"hf/{tiny_model(folder / 'tiny', 'llama', dtype='float32')}")


@pytest.fixture
def train(base, tmp_path):
    """Trains with these settings; returns what was trained, its weights and the curve."""
    from safetensors.torch import load_file

    from insource.training.loop.fine_tune import fine_tune

    def run(**section):
        given = {"steps": 9, "learning_rate": 1e-3, "batch_size": 5, "precision": "float32"} | section
        planned = recipe(rows(23, longest=32), **given)
        points = []
        folder = tmp_path / f"run-{planned.processes}"
        ended = fine_tune(
            base,
            planned,
            token_rows(23, 1),
            token_rows(6, 2),
            pad_id=0,
            folder=folder,
            progress=points.append,
        )
        (weights,) = ended.adapter.glob("*.safetensors")
        return ended, load_file(weights), points

    return run


def test_two_processes_have_the_losses_and_weights_of_one(train):
    import torch

    one, weights, curve = train()
    two, others, curve_of_two = train(processes=2)  # 23 rows in fives: the shares are never equal
    assert [point.step for point in curve] == [point.step for point in curve_of_two]
    for point, other in zip(curve, curve_of_two, strict=True):
        assert other.loss == pytest.approx(point.loss, abs=1e-5)
        assert other.validation_loss == pytest.approx(point.validation_loss, abs=1e-5)
    assert two.best_step == one.best_step
    assert others.keys() == weights.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(others[name], tensor, atol=1e-4, rtol=1e-3)
