"""The little of MySQL's wire protocol that the fault proxy needs. Pure, but for reading one message off a stream.

A packet is a 3-byte little-endian length, a sequence number and that many bytes; a message that fills a packet is
continued in the next one. Sequence numbers start anew with each command, so a client's message numbered 0 is a command
and any other belongs to the login.
Source: https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html
"""

import asyncio
from dataclasses import dataclass
from typing import Final

FULL_PACKET: Final = 0xFFFFFF
COM_QUERY: Final = 0x03
SQLSTATES: Final = {1205: "HY000", 1213: "40001"}
TEXTS: Final = {
    1205: "Lock wait timeout exceeded; try restarting transaction",
    1213: "Deadlock found when trying to get lock; try restarting transaction",
}
# Bits of the server's capabilities, low and high half: what would hide statements from a proxy that reads along.
COMPRESS_OR_TLS: Final = 1 << 5 | 1 << 11
ZSTD_OR_QUERY_ATTRIBUTES: Final = 1 << (26 - 16) | 1 << (27 - 16)


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `raw` with the headers of its packets, as it goes over the wire, and `payload` without.

    `sequence` is the number of its first packet, `next_sequence` the one that its answer begins with.
    """

    sequence: int
    next_sequence: int
    raw: bytes
    payload: bytes

    @property
    def sql(self) -> str | None:
        """The statement's text, None when this is not a COM_QUERY."""
        if self.sequence != 0 or self.payload[:1] != bytes([COM_QUERY]):
            return None
        return self.payload[1:].decode("utf-8", errors="replace")


async def read_message(reader: asyncio.StreamReader) -> Message:
    """Read one whole message, however it was cut up. Raises IncompleteReadError when the other side closed."""
    raw, payload, first = bytearray(), bytearray(), None
    while True:
        header = await reader.readexactly(4)
        length = int.from_bytes(header[:3], "little")
        body = await reader.readexactly(length)
        raw += header + body
        payload += body
        first = header[3] if first is None else first
        if length < FULL_PACKET:
            return Message(first, (header[3] + 1) % 256, bytes(raw), bytes(payload))


def packet(sequence: int, payload: bytes) -> bytes:
    """Frame a payload shorter than 16 MiB."""
    return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload


def query(sql: str) -> bytes:
    """A COM_QUERY, ready to send."""
    return packet(0, bytes([COM_QUERY]) + sql.encode())


def error(code: int, command: Message) -> bytes:
    """The ERR answer to `command`, in the server's own words for deadlocks and lock timeouts."""
    text = TEXTS.get(code, "injected by the fault proxy")
    state = SQLSTATES.get(code, "HY000")
    return packet(command.next_sequence, b"\xff" + code.to_bytes(2, "little") + f"#{state}{text}".encode())


def in_the_clear(greeting: Message) -> bytes:
    """The server's greeting without its offers of TLS, compression and query attributes.

    An ERR instead of a greeting (too many connections) is returned as it came.
    """
    body = bytearray(greeting.payload)
    if body[0] != 10:
        return greeting.raw
    # After the version's NUL: connection id (4), salt (8), filler (1), capabilities (2), charset, status, the rest (2).
    low = body.index(0, 1) + 1 + 4 + 8 + 1
    _clear(body, low, COMPRESS_OR_TLS)
    _clear(body, low + 2 + 1 + 2, ZSTD_OR_QUERY_ATTRIBUTES)
    return packet(greeting.sequence, bytes(body))


def _clear(body: bytearray, at: int, bits: int) -> None:
    kept = int.from_bytes(body[at : at + 2], "little") & ~bits
    body[at : at + 2] = kept.to_bytes(2, "little")
