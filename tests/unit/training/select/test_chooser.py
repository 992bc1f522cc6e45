"""The chooser beside an imaginary trainer: what it keeps on disk, and that a killed run keeps the same."""

import pytest
from support import recipes

from insource.foundation.errors import IntegrityError, ProviderError
from insource.training.select.chooser import STATE_FILE, Chooser, Judge, by_loss, step_of
from insource.training.select.scoring import Scored, Scoring
from insource.types import Estimate, TrainingPoint

LOSSES = (2.0, 1.0, 0.8, 0.7, 0.75, 0.8, 0.9, 0.6)
SCORES = (0.1, 0.5, 0.9, 0.6, 0.7, 0.8, 0.9, 0.5)
STEPS = 16
RECIPE = recipes.recipe(recipes.rows(64), epochs=1, batch_size=4)


class Killed(Exception):
    """The process ends here."""


class Engine:
    """Scores the checkpoint of a step with its figure in ``SCORES``; ``dies_at`` is a call at which it is
    killed.
    """

    def __init__(self, dies_at=None, answer_s=0.001):
        self.calls = 0
        self.asked = []
        self.dies_at = dies_at
        self.answer_s = answer_s

    def __call__(self, folder, documents, longest):
        self.calls += 1
        if self.calls == self.dies_at:
            raise Killed
        self.asked.append((step_of(folder), len(documents)))
        value = Estimate(value=SCORES[step_of(folder) // 2 - 1], n=len(documents))
        return Scored(value, 0.0, self.answer_s * len(documents))


def judge(rows, engine, given=None):
    return Judge(Scoring("accuracy", 1.0, {}, engine), rows.examples(rows.tickets(30)), given, 5)


def walk(folder, points, found, notes=None, patience=RECIPE.patience):
    """Train from the newest checkpoint to the end, as the trainer does."""
    notes = [] if notes is None else notes
    recipe = RECIPE.model_copy(update={"patience": patience})
    chooser = Chooser(folder, recipe, points, points.append, found, notes.append)
    if chooser.left_to_train():
        reached = step_of(chooser.newest) if chooser.newest else 0
        del points[sum(point.step <= reached for point in points) :]
        for step in range(reached + 1, STEPS + 1):
            points.append(
                TrainingPoint(step=step, epoch=1, loss=2 / step, tokens=100 * step, tokens_per_s=100.0)
            )
            if step % RECIPE.evaluate_every == 0:
                loss = LOSSES[step // 2 - 1]
                points.append(TrainingPoint(step=step, epoch=1, validation_loss=loss, tokens=100 * step))
                checkpoint = folder / "checkpoints" / f"checkpoint-{step}"
                checkpoint.mkdir(parents=True)
                (checkpoint / STATE_FILE).write_text("{}")
                if chooser.after(checkpoint):
                    break
    return chooser.finish()


def on_disk(folder):
    return sorted(step_of(path) for path in (folder / "checkpoints").iterdir())


def test_the_recipe_is_the_one_the_figures_are_for():
    assert (RECIPE.steps, RECIPE.evaluate_every, RECIPE.patience) == (STEPS, 2, 3)


def test_the_best_by_the_metric_is_kept_and_training_goes_on_while_something_improves(rows, tmp_path):
    engine, notes = Engine(), []
    kept = walk(tmp_path, [], judge(rows, engine, given=20), notes)
    # 0.9 at step 6, where the loss is 0.8; the loss improves last at step 8, so steps 10, 12 and 14 are idle
    assert (kept.checkpoint.step, kept.last.step) == (6, 14)
    assert kept.stopped == "early: neither accuracy nor validation loss improved in 3 evaluations"
    assert kept.folder.name == "checkpoint-6"
    assert on_disk(tmp_path) == [6, 14]
    assert engine.asked == [(2, 4), *((step, 20) for step in range(2, 15, 2))]
    assert notes[0] == "checkpoints: every checkpoint on 20 documents (given)"
    assert any("validation 0.800" in note and "the best so far" in note for note in notes)
    assert sum(note.startswith("Overfitting from step 10") for note in notes) == 1


def test_finalists_are_scored_at_the_end(rows, tmp_path):
    engine = Engine(answer_s=0.05)  # of a fifth of 16 s, 40 answers for three checkpoints, not for eight
    kept = walk(tmp_path, [], judge(rows, engine))
    assert engine.asked == [(2, 4), (8, 21), (10, 21), (6, 21)]
    assert (kept.checkpoint.step, kept.checkpoint.score.value) == (6, 0.9)
    assert kept.stopped == "early: no improvement in 3 evaluations on validation"


def test_without_an_engine_the_loss_chooses(tmp_path):
    points = []
    kept = walk(tmp_path, points, Judge(None, (), None, 0))
    assert (kept.checkpoint.step, kept.checkpoint.score) == (8, None)
    assert by_loss(tmp_path / "other", RECIPE, points.append).left_to_train()


def test_an_adapter_that_the_engine_cannot_serve_is_chosen_by_its_loss(rows, tmp_path):
    def refuse(folder, documents, longest):
        raise IntegrityError("adapter-not-exportable", "llama.cpp cannot serve this adapter: DoRA.")

    notes = []
    kept = walk(tmp_path, [], judge(rows, refuse, given=20), notes)
    assert kept.checkpoint.step == 8
    assert notes[0] == "checkpoints: by validation loss (llama.cpp cannot serve this adapter: DoRA.)"


def test_a_dead_engine_stops_the_run_and_the_next_one_goes_on_there(rows, tmp_path):
    undisturbed = walk(tmp_path / "a", [], judge(rows, Engine(), given=20))

    def dead(folder, documents, longest):
        raise ProviderError("engine-died", "The local engine died 3 times.")

    points = []
    with pytest.raises(ProviderError):
        walk(tmp_path / "b", points, judge(rows, dead, given=20))
    again = walk(tmp_path / "b", points, judge(rows, Engine(), given=20))
    assert again._replace(folder=undisturbed.folder) == undisturbed


@pytest.mark.parametrize("answer_s", [0.001, 0.05, 10.0])
@pytest.mark.parametrize("dies_at", range(1, 10))
@pytest.mark.parametrize("patience", [3, 8])  # stops early, goes to the last step
def test_a_run_killed_at_any_score_keeps_the_same_checkpoint(rows, tmp_path, answer_s, dies_at, patience):
    first = []
    undisturbed = walk(tmp_path / "a", first, judge(rows, Engine(answer_s=answer_s)), patience=patience)
    points = []
    killed = Engine(dies_at, answer_s)
    try:
        walk(tmp_path / "b", points, judge(rows, killed), patience=patience)
    except Killed:
        again = Engine(answer_s=answer_s)
        kept = walk(tmp_path / "b", points, judge(rows, again), patience=patience)
        assert kept._replace(folder=undisturbed.folder) == undisturbed
        scored = [step for step, documents in killed.asked + again.asked if documents > 4]
        assert len(scored) == len(set(scored))  # nothing is scored twice
        assert [p for p in points if p.task_metric] == [p for p in first if p.task_metric]
    else:
        assert killed.calls < dies_at  # this plan scores less often
