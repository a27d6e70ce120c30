"""How a process of ours begins: its settings read once, its logs set up, or an exit that says what is wrong."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from shared import logs
from shared.settings import (
    EXIT_BAD_SETTINGS,
    Settings,
    SettingsError,
    UnusableFolder,
    load_settings,
    with_secrets,
)


def begin(environ: Mapping[str, str], name: Callable[[Settings], str]) -> Settings:
    """The settings of a process, which its logs call `name`.

    Wrong ones end it: a line for each, exit status 78; a data folder that cannot be used, with 1.
    """
    try:
        settings = with_secrets(load_settings(environ))
        _set_up_logs(settings, name(settings))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_BAD_SETTINGS)
    except UnusableFolder as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    return settings


def _set_up_logs(settings: Settings, process: str) -> None:
    folder = Path(settings.log_dir) if settings.log_dir else None
    try:
        logs.configure(process, level=settings.log_level, as_json=settings.is_production, folder=folder)
    except OSError as error:
        raise SettingsError(
            [
                f"LOG_DIR: {error.filename or folder} cannot be written ({error.strerror}): "
                "change its owner, name another folder, or leave LOG_DIR empty"
            ]
        ) from None
