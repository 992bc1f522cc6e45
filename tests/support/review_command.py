"""The running `insource dataset review`, for tests that need the real thing."""

import re
import signal
import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def running_review(folder, *arguments, prelude=""):
    """The command in a child process; gives the process and the address it prints, and ends it."""
    start = f"{prelude}\nfrom insource.cli.main import main\nmain()"
    command = [sys.executable, "-c", start, "dataset", "review", "--no-browser", *arguments]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as child:
        said = []
        try:
            for line in child.stderr:
                said.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\d+/\S+/", line):
                    yield child, found[0]
                    return
            raise AssertionError("".join(said))
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
            child.stderr.read()
            child.wait()
