"""The command line: all verbs, exit codes."""
