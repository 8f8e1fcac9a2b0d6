"""`mdb completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

from cyclopts import App, Parameter

from mdb.cli.output import write_lines

Shell: TypeAlias = Literal["bash", "zsh", "fish"]


def make_command(app: App) -> Callable[[Shell], int]:
    """Make the command that prints the script for all commands of `app`."""

    def completion(shell: Annotated[Shell, Parameter(help="The shell.")], /) -> int:
        """Print the completion script of a shell; mdb --install-completion puts it in place.

        For bash, now: source <(mdb completion bash).
        """
        write_lines(app.generate_completion(shell=shell).splitlines())
        return 0

    return completion
