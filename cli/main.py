"""The `console` command line. Flags win over the environment, the environment over `.env`."""

import os
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared.settings import EXIT_BAD_SETTINGS, Settings, SettingsError, UnusableFolder, load_settings, with_secrets

app = typer.Typer(name="console", no_args_is_help=True, add_completion=False, help="The Console: one durable queue.")

audit_app = typer.Typer(no_args_is_help=True, help="The audit log.")
app.add_typer(audit_app, name="audit")

DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="mysql://user:pass@host:3306/db or sqlite:///path; SQLite in the data folder if unset."),
]
DataDir = Annotated[Path | None, typer.Option(help="Folder of SQLite, made secrets and local state.")]


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Port of the edge.", min=1, max=65535)] = None,
    api_port: Annotated[int | None, typer.Option(help="Port of the first API node.", min=1, max=65535)] = None,
    queue_port: Annotated[int | None, typer.Option(help="Port of the queue service.", min=1, max=65535)] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port of the gRPC edge.", min=1, max=65535)] = None,
    edge_metrics_port: Annotated[int | None, typer.Option(help="Port of the edge's metrics.", min=1, max=65535)] = None,
    nodes: Annotated[int | None, typer.Option(help="API nodes to start.", min=1, max=64)] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    edge: Annotated[bool, typer.Option("--edge/--no-edge", help="Whether to start the edge (Caddy).")] = True,
    take_terminal: Annotated[bool, typer.Option("--take-terminal", hidden=True)] = False,
) -> None:
    """Run the whole cluster in the foreground until Ctrl-C."""
    from cli.terminal import own_terminal
    from cli.up import run

    settings = _settings(
        edge_port=port,
        api_port=api_port,
        queue_port=queue_port,
        grpc_port=grpc_port,
        edge_metrics_port=edge_metrics_port,
        nodes=nodes,
        data_dir=data_dir,
        database_url=database_url,
    )
    settings = _with_secrets(settings)
    with own_terminal() if take_terminal else nullcontext():
        status = run(settings, os.environ, Console(), with_edge=edge)
    raise typer.Exit(status)


@app.command()
def migrate(
    to: Annotated[str, typer.Option(help="Revision to go up to.")] = "head",
    down: Annotated[str | None, typer.Option(help="Revision to go back down to (`base` empties the database).")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Go down without asking; it deletes data.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Bring the database's schema up to date, or take it back down, which deletes data."""
    from cli.migration import Refused, run

    def agree(question: str) -> bool:
        if yes:
            return True
        if not sys.stdin.isatty():
            raise Refused("going down deletes data, and there is no terminal to ask at: back up, then add --yes")
        return typer.confirm(question)

    settings = _settings(data_dir=data_dir, database_url=database_url)
    raise typer.Exit(run(settings, Console(), to=to, down=down, agree=agree))


@app.command()
def doctor(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Show what is wrong or risky here; exit status 1 when something is wrong."""
    from cli.doctor import examine

    settings = _settings(data_dir=data_dir, database_url=database_url)
    raise typer.Exit(examine(settings, os.environ, Console()))


@audit_app.command("verify")
def verify_audit(
    expect: Annotated[str | None, typer.Option(help="A seal from the log files, ID:SEAL, that must be in it.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show whether the audit log was touched since it was sealed; exit status 1 when it was."""
    from cli.audit import run
    from shared.audit import Seal

    entry_id, _, seal = (expect or "").partition(":")
    if expect is not None and not (entry_id.isdecimal() and re.fullmatch("[0-9a-f]{64}", seal)):
        raise typer.BadParameter("a seal is ID:SEAL, the seal 64 hex digits", param_hint="--expect")
    settings = _settings(data_dir=data_dir, database_url=database_url)
    raise typer.Exit(run(settings, Console(), expected=Seal(int(entry_id), seal) if expect else None))


def _settings(**flags: object) -> Settings:
    try:
        return load_settings(os.environ, Path(".env"), **flags)
    except SettingsError as error:
        raise _refuse(error) from None


def _with_secrets(settings: Settings) -> Settings:
    try:
        return with_secrets(settings)
    except SettingsError as error:
        raise _refuse(error) from None
    except UnusableFolder as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from None


def _refuse(error: SettingsError) -> typer.Exit:
    """Print each problem; the exit status says that starting again cannot help."""
    for problem in error.problems:
        sys.stderr.write(f"{problem}\n")
    return typer.Exit(EXIT_BAD_SETTINGS)
