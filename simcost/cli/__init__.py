"""The command line: all verbs, exit codes."""

from simcost.cli.main import main

__all__ = ["main"]
