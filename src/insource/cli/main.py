"""The ``insource`` command. Each verb lives in its own module, loaded when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from insource.cli.lazy_group import LazyGroup, Verbs
from insource.cli.output import fail, interrupted
from insource.foundation.errors import InsourceError
from insource.foundation.version import __version__

# Verb → (module, one line), in the order of the loop; the help shows them so.
VERBS: dict[str, Verbs] = {
    "Start": {
        "demo": ("demo", "The whole loop on generated specifications, with real training"),
        "init": ("init", "Write a commented insource.toml for your own data"),
        "status": ("status", "Where the project stands and what comes next"),
    },
    "All of it": {"run": ("run", "The whole loop on your data; resumes where it stopped")},
    "Step by step": {
        "dataset": ("dataset.group", "Build the dataset: four splits, nothing lost silently"),
        "train": ("train", "Fine-tune the small model on the training split"),
        "export": ("export", "Adapter to GGUF, with the parity gate"),
        "evaluate": ("evaluate", "Measure every candidate on the sealed test split"),
        "compare": ("compare", "Two candidates, paired by document"),
        "report": ("report", "Render a run's report again: html, md or json"),
    },
    "Serve": {
        "serve": ("serve", "Serve the tuned model on loopback, OpenAI-compatible"),
        "gateway": ("gateway", "Local first, the cloud when in doubt, every call on record"),
        "keys": ("keys", "Keys of the gateway's own: who may call, how often, for how much"),
    },
    "Look": {
        "logs": ("logs.group", "What was asked, answered and paid; export and purge"),
        "config": ("config", "Show every setting and where it comes from"),
    },
}


@click.group(cls=LazyGroup, headings=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="insource")
def cli() -> None:
    """Bring a narrow LLM job home: log, train, prove, serve and route.

    New here? `insource demo` walks the whole loop on this machine, offline.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake ends in a message and an exit code, never in a traceback."""
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
    """A full disk or a missing permission, in words; anything else of the system's with its own text."""
    import errno

    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return InsourceError(
            "disk-full",
            f"The disk is full{where}.",
            hint="Free some space and run the same command again: finished stages are kept.",
        )
    return InsourceError(
        "system-error",
        f"{error.strerror or error}{where}.",
        hint="Mend the cause and run the same command again: finished stages are kept.",
    )


if __name__ == "__main__":
    main()
