"""What the fault proxy does to a statement, and when: rules over the SQL text. Pure, but for the event of having fired.

Statements may travel several in a packet; a rule that matches one of them matches the packet. Every packet counts for
each rule that it matches; of the rules that are due then, the oldest fires.
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

GUARDED_UPDATE = r"UPDATE (\(SELECT|\w+ FORCE INDEX)"
"""The rows of a batch, each only if it still has its version: those that differ, or those that become alike."""


@dataclass(frozen=True, slots=True)
class CutBefore:
    """Cut both connections instead of forwarding: the statement did not happen."""


@dataclass(frozen=True, slots=True)
class DropOk:
    """Forward, wait for the server's answer, then cut both connections: it happened, and the client cannot know."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Answer with error `code` instead of forwarding; `rolls_back` the whole transaction first, as a deadlock does.

    In the middle of a packet the statements before it are run, and what they did is left to the client to roll back.
    """

    code: int
    rolls_back: bool


@dataclass(frozen=True, slots=True)
class Delay:
    """Hold the statement for `seconds`, then forward it; other connections go on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Swallow:
    """Forward neither this statement nor anything after it on its connection, and keep both ends open: a path that went
    dead without a word. The server learns of it only by itself, or by a KILL."""


Fault = CutBefore | DropOk | Fail | Delay | Swallow


@dataclass(eq=False, slots=True)
class Rule:
    """One fault at chosen statements. `fired_count` and `fired` tell when it was carried out, not only begun.

    It passes over the first `skip` matching statements. After those it fires once, at the next one, when `every` is
    None; else at every `every`-th one.
    """

    fault: Fault
    pattern: re.Pattern[str]
    every: int | None
    skip: int
    fired_count: int = 0
    fired: asyncio.Event = field(default_factory=asyncio.Event)
    _matched_count: int = 0
    _is_spent: bool = False

    def is_due(self, sql: str) -> bool:
        """Count `sql` if it matches, and say whether the rule should fire now."""
        if self._is_spent or self.index_in(sql) is None:
            return False
        self._matched_count += 1
        past_skip = self._matched_count - self.skip
        return past_skip >= 1 and past_skip % (self.every or 1) == 0

    def index_in(self, sql: str) -> int | None:
        """Which of a packet's statements is the first to match; None when none does."""
        matching = (index for index, one in enumerate(statements(sql)) if self.pattern.match(one))
        return next(matching, None)

    @property
    def has_begun(self) -> bool:
        """Whether a rule that fires once has met its statement."""
        return self._is_spent

    def begin(self) -> None:
        """Use up a rule that fires once, before another connection's statement gets to it."""
        self._is_spent = self.every is None

    def done(self) -> None:
        """Record that the fault has been carried out."""
        self.fired_count += 1
        self.fired.set()


def statements(sql: str) -> list[str]:
    """The statements of a packet, as the writer joins them."""
    return re.split(r"; (?=SELECT |INSERT |UPDATE |DELETE )", sql)


def rule(fault: Fault, matching: str, *, every: int | None = None, skip: int = 0) -> Rule:
    """Make a rule for statements that BEGIN with the regular expression `matching`, in whatever case.

    Anchored so that "COMMIT" does not hit an INSERT into a column committed_at; use ".*word" for anywhere.
    Raises ValueError for an `every` below 1 or a negative `skip`, re.error for a broken pattern.
    """
    if (every is not None and every < 1) or skip < 0:
        raise ValueError(f"every must be at least 1 and skip at least 0, not {every} and {skip}")
    return Rule(fault, re.compile(rf"\s*(?:{matching})", re.IGNORECASE | re.DOTALL), every, skip)


def choose(rules: Iterable[Rule], sql: str) -> Rule | None:
    """Count `sql` for every rule, and begin the oldest that is due; None when none is."""
    due = [candidate for candidate in rules if candidate.is_due(sql)]
    if not due:
        return None
    due[0].begin()
    return due[0]
