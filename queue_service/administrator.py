"""The administrator that ADMIN_USERNAME and ADMIN_PASSWORD ask for, made before the first request is served: whoever
registers first would be the administrator otherwise."""

import asyncio

import structlog

from queue_service.service import QueueService
from queue_service.transport.parse import parse_command
from shared.account_commands import FirstAdministrator
from shared.commands import folded
from shared.passwords import password_hasher

log = structlog.get_logger(__name__)


async def ensure_administrator(service: QueueService) -> None:
    """Make that account, once; a name that somebody has is left as it is, password and all. Raises what a write
    raises."""
    settings = service.settings
    if not (service.has_accounts or settings.admin_username) and settings.registration == "closed":
        log.warning(
            "nobody_can_sign_in", do="set ADMIN_USERNAME and ADMIN_PASSWORD, or REGISTRATION=open for the first"
        )
    if not service.lacks_administrator:
        return
    username = folded(settings.admin_username)
    password_hash = await asyncio.to_thread(password_hasher(settings.password_hash).hash, settings.admin_password)
    data = FirstAdministrator(username=username, passwordHash=password_hash)
    wire = {"type": "ensure-administrator", "data": data.model_dump(), "actor": None}
    await service.intake.submit(parse_command(wire, size=0, secret=service.secret))
    log.info("administrator_made", username=username)
