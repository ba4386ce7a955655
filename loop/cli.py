"""The `fleetloop` command: puts the commands together and tells errors in one line."""

from __future__ import annotations

import sys
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from fleetloop.core.errors import FleetloopError
from fleetloop.loop.commands import COMMANDS, GROUPS

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells count."""


def build_app() -> typer.Typer:
    """All commands under one name."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="A fleet of simulated robots, what it senses, and the loop that teaches one brain.",
    )
    grouped = {name: group for group, names in GROUPS.items() for name in names}
    # Typer shows groups and commands in the order in which they are added.
    for name in (*grouped, *(name for name in COMMANDS if name not in grouped)):
        app.command(name, rich_help_panel=grouped.get(name, "More"))(COMMANDS.get(name))
    return app


def main() -> None:
    """Runs the command; the library's own errors are told in one line, without a trace."""
    try:
        code = build_app()(standalone_mode=False)
    except FleetloopError as error:
        line = f"[red]{type(error).__name__}[/red]: {escape(str(error))}"
        Console(stderr=True).print(line, highlight=False, soft_wrap=True)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except typer.Exit as stop:
        code = stop.exit_code
    except Exception as error:
        # Click's own errors, such as an unknown option, print themselves.
        show: Any = getattr(error, "show", None)
        if show is None:
            raise
        show()
        code = getattr(error, "exit_code", 2)
    if code == INTERRUPTED:
        Console(stderr=True).print("Stopped. What is whole is kept; run it again to go on.")
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
