"""Command line: the list of commands and the exit codes."""

from simcost.cli.main import main

__all__ = ["main"]
