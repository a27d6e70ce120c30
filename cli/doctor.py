"""`console doctor`: look at this machine and these settings, and say what is wrong or risky."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.checkups import Finding, Verdict, edge, ports, secrets_and_folder
from cli.database_checkup import database
from shared.settings import Settings

_COLOURS = {Verdict.FINE: "green", Verdict.RISK: "yellow", Verdict.WRONG: "red"}


def examine(settings: Settings, environ: Mapping[str, str], console: Console) -> int:
    """Print every finding as a table. Returns 1 when something is wrong, else 0 (risks included)."""
    findings = [*_of_machine(settings, environ), *asyncio.run(database(settings))]
    table = Table("what", "", "found", title="console doctor", title_justify="left")
    for finding in findings:
        colour = _COLOURS[finding.verdict]
        table.add_row(finding.subject, f"[{colour}]{finding.verdict.value}[/]", Text(finding.text))
    console.print(table)
    return int(any(finding.verdict is Verdict.WRONG for finding in findings))


def _of_machine(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    # the settings themselves were read before we came here: wrong ones end the command with status 78
    yield Finding("settings", Verdict.FINE, f"{settings.console_env}: each is known and within its bounds")
    checks: list[Callable[[], Iterator[Finding]]] = [
        lambda: secrets_and_folder(settings),
        lambda: ports(settings),
        lambda: edge(environ.get("PATH")),
    ]
    for check in checks:
        yield from check()
