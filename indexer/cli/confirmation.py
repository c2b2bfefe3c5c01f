"""Confirmation of what cannot be undone."""

import sys

import typer

from indexer.errors import InputError


def confirm(question: str) -> None:
    """Ask on the terminal, and abort unless the answer is yes.

    Raises
    ------
    InputError
        There is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise InputError(
            f"{question} There is no terminal to confirm on: use --yes, or try --dry-run."
        )
    typer.confirm(question, abort=True)
