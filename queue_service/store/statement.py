"""A statement in the driver's own words, not yet sent: alone, or several of them in one round trip.

The writer runs the same few statements for every batch. Their texts are made once by SQLAlchemy and sent by the driver
itself, several at a time: seven round trips of a batch became three, and its share of the writer's time a third
(docs/adr/0016).
"""

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from queue_service.store.session import Transaction

T = TypeVar("T")

Row = tuple[Any, ...]
Part = tuple[str, tuple[Any, ...]]
"""The text of one statement and its parameters, in the driver's style."""


class Statement(Generic[T]):
    """`await` it to run it alone, or give it to `Transaction.together`; `result` is there afterwards.

    `parts`: what is sent; more than one where a single text would grow too long, none where there is nothing to ask.
    `read` makes the result of the rows that came back and the number of rows that were matched. `concerns_rows`: it is
    about the rows of a batch's commands, so that its failure may be the fault of one of them.
    """

    __slots__ = ("_read", "_tx", "concerns_rows", "parts", "result")

    result: T

    def __init__(
        self,
        tx: "Transaction",
        parts: Sequence[Part],
        read: Callable[[Sequence[Row], int], T],
        *,
        concerns_rows: bool = True,
    ) -> None:
        self.parts = parts
        self.concerns_rows = concerns_rows
        self._tx = tx
        self._read = read

    def take(self, rows: Sequence[Row], count: int) -> None:
        """Note what all parts together brought."""
        self.result = self._read(rows, count)

    def __await__(self) -> Generator[Any, None, T]:
        yield from self._tx.together(self).__await__()
        return self.result


def the_count(_rows: Sequence[Row], count: int) -> int:
    """The number of rows that a write matched."""
    return count
