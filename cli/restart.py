"""What to do after a child ended: a pure decision."""

from dataclasses import dataclass

from shared.settings import EXIT_BAD_SETTINGS


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Backoff of restarts: `first_s`, doubling up to `most_s`, from the start again after a life of `reset_after_s`."""

    first_s: float = 0.5
    most_s: float = 10.0
    reset_after_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Again:
    """Run it again in `delay_s` seconds; it is the `failure_count`th failure in a row."""

    delay_s: float
    failure_count: int


@dataclass(frozen=True, slots=True)
class Finished:
    """It ended because it was done (status 0): leave it."""


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Its settings are wrong: running it again cannot help."""


def after_exit(
    status: int, *, lived_s: float, failure_count: int, policy: RestartPolicy
) -> Again | Finished | Hopeless:
    """Decide by the exit status (negative: the signal that killed it) after a life of `lived_s` seconds.

    `failure_count` is the number of failures in a row before this one.
    """
    if status == 0:
        return Finished()
    if status == EXIT_BAD_SETTINGS:
        return Hopeless()
    count = 1 if lived_s >= policy.reset_after_s else failure_count + 1
    # the exponent is bounded: a child that fails for days would overflow the float
    return Again(min(policy.first_s * 2 ** min(count - 1, 32), policy.most_s), count)


def describe_exit(status: int) -> str:
    """`exit status 3`, or `signal 9` for one that was killed."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"
