"""The ``insource`` command. Each subcommand lives in its own module, imported when it is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from insource.cli.lazy_group import LazyGroup, Verbs
from insource.cli.output import fail, interrupted
from insource.foundation.errors import InsourceError
from insource.foundation.version import __version__

# Command → (module, one line of help), in the order of the loop, which is the order of the help.
VERBS: dict[str, Verbs] = {
    "Start": {
        "demo": ("demo", "Run the whole loop on generated specifications, with real training"),
        "init": ("init", "Write a commented insource.toml for your own data"),
        "status": ("status", "Show the state of the project and the next command"),
    },
    "Decide": {
        "decide": ("decide", "Decide: is it worth it, what would change that, what to try next"),
        "plan": ("plan", "Plan the hardware: memory, time, money, people"),
    },
    "All of it": {"run": ("run", "Run the whole loop on your data; resume where it stopped")},
    "Step by step": {
        "dataset": ("dataset.group", "Check the rows and build the dataset with its four splits"),
        "train": ("train", "Fine-tune the small model on the training split"),
        "export": ("export", "Export the chosen model: a package, or an adapter in GGUF"),
        "evaluate": ("evaluate", "Measure every candidate on the sealed test split"),
        "compare": ("compare", "Compare two candidates, paired by document"),
        "report": ("report", "Render the report of a run as html, md or json"),
    },
    "Serve": {
        "serve": ("serve", "Serve the chosen model on loopback, OpenAI-compatible"),
        "gateway": ("gateway", "Record every call; answer locally, escalate to the cloud"),
        "deploy": ("deploy", "Move traffic to a version step by step, and back"),
        "retrain": ("retrain", "Make the model again when there is a reason, and judge it"),
        "predict": ("predict", "Answer a file or folder of documents with the chosen model"),
        "keys": ("keys", "Manage virtual keys: tasks, budgets and rate limits"),
    },
    "Watch": {"monitor": ("monitor", "Watch a deployed model: drift, estimated and audited quality")},
    "Look": {
        "models": ("models.group", "List, show and fetch base models"),
        "logs": ("logs.group", "Query, import, export and purge the recorded calls"),
        "explain": ("explain", "Tell why one call was answered as it was"),
        "config": ("config", "Show every setting and where it comes from"),
    },
}


@click.group(cls=LazyGroup, headings=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="insource")
def cli() -> None:
    """Replace a narrow cloud LLM task with a small local model.

    Start with `insource demo`: it runs the whole loop on this machine, offline.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. A user's mistake prints a message and sets the exit code, without a traceback."""
    try:
        cli.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except InsourceError as error:
        sys.exit(fail(error))
    except click.exceptions.Abort:
        sys.exit(interrupted())
    except KeyboardInterrupt:
        sys.exit(interrupted())
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OSError as error:
        sys.exit(fail(_system_error(error)))


def _system_error(error: OSError) -> InsourceError:
    """Return the error for a full disk, or for another operating system error with the system's text."""
    import errno

    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return InsourceError(
            "disk-full",
            f"The disk is full{where}.",
            hint="Free some space and run the same command again. Finished stages are kept.",
        )
    return InsourceError(
        "system-error",
        f"{error.strerror or error}{where}.",
        hint="Fix the cause and run the same command again. Finished stages are kept.",
    )


if __name__ == "__main__":
    main()
