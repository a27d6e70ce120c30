"""A stand-in API node for the edge's tests: counts requests, and breaks off those whose path asks for it."""

import asyncio


class Node:
    """Answers 200 with its port; on `/break` paths it reads the request and closes the connection while `is_broken`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.is_broken = False
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Vanish: nothing listens any more, open connections break."""
        if self._server:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        if self._server:
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        path = start.split()[1]
        # to its end, as our nodes do: one that answers earlier would tell the edge nothing of what is wrong with it
        if headers.get("transfer-encoding") == "chunked":
            body = await _unchunked(reader)
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        if path != "/api/health":
            self.requests.append(path)
            self.headers.append(headers)
            self.bodies.append(body)
            if self.is_broken and path.startswith("/break"):
                return False
        text = str(self.port).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nX-Request-Id: the-nodes\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        await writer.drain()
        return True


async def _unchunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body
