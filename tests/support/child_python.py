"""A child process of Python that imports this package, for code that a test needs in a second process."""

import os
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def python_child(code, *arguments):
    """What ``subprocess`` is given: the command line and the environment."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return {"args": command, "env": os.environ | python_path(TESTS)}


def python_path(folder):
    """The variable with which a child looks for modules in this folder first."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}
