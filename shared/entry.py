"""How a process of ours begins: its settings read once, its logs set up, or an exit that says what is wrong."""

import sys
from collections.abc import Callable, Mapping

from shared import logs
from shared.settings import EXIT_BAD_SETTINGS, Settings, SettingsError, load_settings, with_secrets


def begin(environ: Mapping[str, str], name: Callable[[Settings], str]) -> Settings:
    """The settings of a process, which its logs call `name`. Wrong ones end it: a line for each, exit status 78."""
    try:
        settings = with_secrets(load_settings(environ))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_BAD_SETTINGS)
    logs.configure(name(settings), level=settings.log_level, as_json=settings.is_production)
    return settings
