"""Reading an ASGI scope without building anything around it: on the path of every request that counts."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of a lower-case name; None without one."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None
