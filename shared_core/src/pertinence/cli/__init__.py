"""Command line tool `pertinence`: one module per subcommand, and shared helpers.

A subcommand is a module with a `SUMMARY`, `add_arguments` and `run`. `COMMANDS` lists the subcommands.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from pertinence.cli import doctor, embed, evaluate, export, models, rank, tune
from pertinence.errors import PertinenceError

__all__ = ["COMMANDS", "Command", "main"]

_FAILED = 2
_INTERRUPTED = 128 + 2
_CLOSED_PIPE = 128 + 13


class Command(Protocol):
    """Interface that the module of a subcommand implements."""

    SUMMARY: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the subcommand's arguments to the parser."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the subcommand and return the exit status."""


COMMANDS: Mapping[str, Command] = {
    "rank": rank,
    "embed": embed,
    "evaluate": evaluate,
    "models": models,
    "export": export,
    "tune": tune,
    "doctor": doctor,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    The status is 0 for success, 2 for a `PertinenceError` or a wrong argument, 130 for an interruption, and
    141 if the reader of the output closed the pipe (as with `| head`).
    """
    name = "pertinence"
    try:
        command, rest = _choose(argv)
        name = f"{name} {command}"
        status = _run(name, COMMANDS[command], rest)
        sys.stdout.flush()
    except PertinenceError as error:
        print(f"{name}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The interpreter must not try to write the buffered output again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE
    except SystemExit as stop:  # argparse has shown the help or found a wrong argument
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return status


def _choose(argv: Sequence[str] | None) -> tuple[str, list[str]]:
    """Return the name of the subcommand and the arguments that follow it."""
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog="pertinence",
        description="Documents in order of relevance to a query.",
        epilog="\n".join(
            ["commands:", *(f"  {name:{width}}  {command.SUMMARY}" for name, command in COMMANDS.items())]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=_version())
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="see below; each has its --help")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="what the command takes")
    chosen = parser.parse_args(argv)
    return chosen.command, chosen.rest


def _run(name: str, command: Command, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog=name, description=command.SUMMARY, allow_abbrev=False)
    command.add_arguments(parser)
    # Parse intermixed, so that options may come between a query and its documents.
    return command.run(parser.parse_intermixed_args(arguments))


def _version() -> str:
    try:
        return version("pertinence")
    except PackageNotFoundError:
        return "not installed, run from source"
