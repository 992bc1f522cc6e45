"""The tasks of a gateway: which of them a call belongs to."""

from __future__ import annotations

from insource.gateway.call.decisions_api import DecisionRequest
from insource.gateway.http.refused import Refused
from insource.gateway.settings import AUTO, GatewaySettings, TaskSettings
from insource.gateway.tasks.line import Line
from insource.gateway.tasks.task import InsourcedTask


class Tasks:
    """The tasks that a gateway answers; tasks of one engine share its slots.

    Raises:
        DataError: as ``InsourcedTask``.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        limits, slots = settings.limits, dict[str, int]()
        for own in settings.tasks:  # an engine has the slots of the task with the most
            slots[_answers(own)] = max(own.slots, slots.get(_answers(own), 0))
        lines = {
            name: Line(count, waiting=limits.waiting, deadline_s=limits.deadline_s)
            for name, count in slots.items()
        }
        found = [InsourcedTask(settings, own, lines[_answers(own)]) for own in settings.tasks]
        self.all: tuple[InsourcedTask, ...] = tuple(found)

    @property
    def models(self) -> list[str]:
        """The names of models that callers may ask for."""
        own = [name for task in self.all for name in task.names]
        clouds = [task.cloud.model for task in self.all if task.cloud is not None]
        return list(dict.fromkeys([*own, *([AUTO] if len(self.all) == 1 else []), *clouds]))

    def of(self, model: str, named: str, asked: DecisionRequest | None) -> InsourcedTask | None:
        """Return the task that a call is for, None if it is for none.

        The model's name wins, if it is that of a task. Then comes ``named``: the task of the path, the
        headers, the metadata or the caller's key. Otherwise the call is for the only task that serves the
        model or knows the questions.

        Raises:
            Refused: the call leaves open which of several tasks it is for, or names a version that is not
                served.
        """
        if (task := self._named(model)) is not None:
            return task
        self._require_served(model)
        if named:
            return self._tagged(named, model, asked)
        serving = [task for task in self.all if _is_for(task, model, asked)]
        if len(serving) == 1:
            return serving[0]
        if len(serving) > 1 and all(model == AUTO or task.answers_any for task in serving):
            names = ", ".join(task.task.name for task in self.all)
            message = f"Several tasks are here. Name one as the model, or in the path (/t/TASK/v1): {names}."
            raise Refused(400, "task-required", message)
        return None

    def elsewhere(self, named: str) -> InsourcedTask | None:
        """Return the task whose cloud gets a chat completion for a model that no task serves."""
        found = self._named(named) or next(iter(self.all), None)
        return found if found is not None and found.passes_on else None

    def _tagged(self, named: str, model: str, asked: DecisionRequest | None) -> InsourcedTask | None:
        task = self._named(named)
        return task if task is not None and _is_for(task, model, asked) else None

    def _named(self, name: str) -> InsourcedTask | None:
        """Return the task that a name means; the versions of a task come and go."""
        return next((task for task in self.all if name in task.names), None)

    def _require_served(self, model: str) -> None:
        name, separator, version = model.partition("@")
        if separator and (task := self._named(name)) is not None:
            message = f"The version {version[:80]!r} of {name} is not served here; {task.model} is."
            raise Refused(404, "model-not-found", message)


def _answers(own: TaskSettings) -> str:
    return own.engine or f"task {own.task.name}"


def _is_for(task: InsourcedTask, model: str, asked: DecisionRequest | None) -> bool:
    return task.serves(model) if asked is None else task.decides(model, asked)
