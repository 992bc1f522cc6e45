"""A walk through the loop without a terminal: a display that remembers, and a session on a folder."""

from insource.config.loading import load
from insource.workflow.project import Project
from insource.workflow.session import Session


class FakeDisplay:
    """Remembers what it was told, in order, and answers questions as it was made to."""

    def __init__(self, answer=True):
        self.answer = answer
        self.stages, self.notes, self.questions = [], [], []
        self.recipes, self.manifests, self.evaluations = [], [], []
        self.points, self.expectations = [], []

    def stage(self, name, about):
        self.stages.append(name)

    def note(self, text):
        self.notes.append(text)

    def progress(self, text, done, total):
        self.points.append((text, done, total))

    def planned(self, recipe):
        self.recipes.append(recipe)

    def dataset(self, manifest, folder):
        self.manifests.append(manifest)

    def evaluated(self, evaluation, metric):
        self.evaluations.append(evaluation)

    def expected(self, arm, figure, metric):
        self.expectations.append((arm.name, figure, metric))

    def confirm(self, question):
        self.questions.append(question)
        return self.answer


def session_on(folder, display=None):
    """A session on the project in ``folder``, whose ``insource.toml`` is read."""
    return Session(Project.of(load(folder / "insource.toml")), display or FakeDisplay(), "insource run")
