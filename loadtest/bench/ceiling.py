"""How fast the raw client is by itself: the same rounds against a server that does next to nothing.

    python -m loadtest.bench.ceiling PORT

A measurement that comes near this number says more about the client than about what it measured.
"""

import asyncio
import sys
from typing import Final, cast

import uvloop

_CREATED: Final = b'HTTP/1.1 201 Created\r\ncontent-length: 36\r\n\r\n{"data":{"id":1000000,"version":1 }}'
_CHANGED: Final = b'HTTP/1.1 200 OK\r\ncontent-length: 36\r\n\r\n{"data":{"id":1000000,"version":%d }}'


class _Trivial(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST"):
            self._transport.write(_CREATED)
        elif data.startswith(b"PATCH"):
            self._transport.write(_CHANGED % (int(data[data.rfind(b":") + 1 : -1]) + 1))
        else:
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self._transport.close()


async def _main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Trivial, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1])))
