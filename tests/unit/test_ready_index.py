"""The part of the backlog that is kept in memory: in order, bounded, read again whenever it may not be all."""

from dataclasses import replace
from datetime import timedelta

from queue_service.engine.index import HELD, LOW, MOST_BYTES, MOST_WHOLE, PartitionKey, ReadyIndex, ready_of
from queue_service.store.jobs import Ready
from shared.jobs import Job
from tests.support.jobs import NOW, a_job

MINE: PartitionKey = (1, "default", "T")
OTHER: PartitionKey = (1, "default", "U")
LATER = NOW + timedelta(seconds=10)


def waiting(job_id: int, **members: object) -> Job:
    return a_job(id=job_id, status="PENDING", **members)


def index(*jobs: Job, key: PartitionKey = MINE, is_all: bool = True) -> ReadyIndex:
    """One that has read these jobs of a partition."""
    found = ReadyIndex()
    read(found, *jobs, key=key, is_all=is_all)
    return found


def read(what: ReadyIndex, *jobs: Job, key: PartitionKey = MINE, is_all: bool = True) -> None:
    partition = what.partition(key)
    partition.begin()
    partition.fill(sorted(map(ready_of, jobs)), None, is_all=is_all, besides=what.on_their_way)


def ids(taken: list[Ready]) -> list[int]:
    return [ready.job_id for ready in taken]


def test_a_partition_that_nobody_asked_for_is_read_first_and_holds_nothing_meanwhile() -> None:
    empty = ReadyIndex()
    empty.offer(waiting(1), NOW)
    assert empty.stale([MINE], NOW) == [MINE]
    assert empty.take([MINE], 1) == []


def test_the_most_urgent_of_several_partitions_is_first_and_then_the_oldest() -> None:
    both = index(waiting(1), waiting(2, priority=0), waiting(3, run_at=NOW - timedelta(seconds=1)))
    read(both, waiting(4, priority=0, task_type="U"), waiting(5, task_type="U"), key=OTHER)
    assert ids(both.take([MINE, OTHER], 10)) == [2, 4, 3, 1, 5]


def test_what_is_taken_is_not_given_again_however_it_is_read_meanwhile() -> None:
    it = index(waiting(1), waiting(2))
    assert ids(it.take([MINE], 1)) == [1]
    read(it, waiting(1), waiting(2))
    assert ids(it.take([MINE], 5)) == [2]
    it.arrived([1])
    read(it, waiting(1))
    assert ids(it.take([MINE], 5)) == [1]


def test_a_job_that_waits_no_more_is_not_given() -> None:
    it = index(waiting(1), waiting(2))
    it.forget(a_job(id=1))
    assert ids(it.take([MINE], 5)) == [2]


def test_a_job_that_is_offered_twice_with_another_time_is_given_once_in_its_new_place() -> None:
    it = index(waiting(1), waiting(2))
    it.offer(waiting(1, priority=9), NOW)
    assert ids(it.take([MINE], 5)) == [2, 1]


def test_a_job_that_is_not_due_yet_has_its_partition_read_when_it_is() -> None:
    it = index()
    it.offer(waiting(1, run_at=LATER), NOW)
    assert (it.take([MINE], 1), it.stale([MINE], NOW), it.next_due([MINE])) == ([], [], LATER)
    assert it.stale([MINE], LATER) == [MINE]


def test_of_what_became_due_only_that_is_read_and_takes_its_place() -> None:
    first = [waiting(1), waiting(5)]
    it = index(*first, is_all=False)
    it.offer(waiting(2, priority=0, run_at=LATER), NOW)
    partition = it.partition(MINE)
    assert partition.begin_due() == LATER
    it.offer(waiting(3, run_at=LATER + timedelta(seconds=9)), NOW)  # committed while it is being read
    found = [waiting(2, priority=0, run_at=LATER), waiting(4, priority=0, run_at=LATER), waiting(9, run_at=LATER)]
    partition.take_due([ready_of(job) for job in found], LATER + timedelta(days=1), is_all=True, besides={4})
    assert it.next_due([MINE]) == LATER + timedelta(seconds=9)
    assert ids(it.take([MINE], 5)) == [2, 1, 5]  # what is behind the edge is read with what else is there
    assert it.stale([MINE], LATER) == []
    partition.take_due([], None, is_all=False, besides=())
    assert it.stale([MINE], LATER) == [MINE]


def test_behind_what_is_in_memory_there_is_more_to_read() -> None:
    it = index(waiting(1), waiting(2), is_all=False)
    it.offer(waiting(9), NOW)
    assert ids(it.take([MINE], 2)) == [1, 2]
    assert it.take([MINE], 1) == []
    assert it.low([MINE]) == [MINE]
    assert it.partition(MINE).begin_extending() == ready_of(waiting(2))


def test_before_it_is_used_up_what_comes_next_is_read_and_put_behind_it() -> None:
    first = [waiting(job_id) for job_id in range(LOW + 1)]
    it = index(*first, is_all=False)
    assert it.low([MINE]) == []
    it.take([MINE], 2)
    assert it.low([MINE]) == [MINE]
    partition = it.partition(MINE)
    assert partition.begin_extending() == ready_of(first[-1])
    assert it.low([MINE]) == []
    it.offer(waiting(LOW + 7), NOW)  # committed while it is being read
    it.forget(a_job(id=5))
    partition.extend([ready_of(waiting(LOW + n)) for n in (2, 7)], is_all=False, besides={LOW + 2})
    assert partition.edge == ready_of(waiting(LOW + 7))
    assert ids(it.take([MINE], HELD)) == [*(n for n in range(2, LOW + 1) if n != 5), LOW + 7]
    assert (it.low([MINE]), it.stale([MINE], NOW)) == ([MINE], [])


def test_what_goes_before_the_edge_is_taken_in() -> None:
    it = index(waiting(1), waiting(2), is_all=False)
    it.offer(waiting(9, priority=0), NOW)
    assert ids(it.take([MINE], 2)) == [9, 1]


def test_memory_is_bounded_and_nothing_is_forgotten_for_that() -> None:
    it = index()
    for job_id in range(5 * HELD):
        it.offer(waiting(job_id), NOW)
        assert len(it.partition(MINE)._heap) <= 2 * HELD
    taken = it.take([MINE], 5 * HELD)
    assert ids(taken) == list(range(len(taken)))
    assert len(taken) < 5 * HELD
    assert it.low([MINE]) == [MINE]
    assert it.partition(MINE).begin_extending() == taken[-1]


def test_in_doubt_everything_is_read_again() -> None:
    it = index(waiting(1))
    read(it, key=OTHER)
    it.doubt([OTHER])
    assert it.stale([MINE, OTHER], NOW) == [OTHER]
    it.doubt()
    assert it.stale([MINE, OTHER], NOW) == [MINE, OTHER]


def test_what_is_large_is_given_in_parts() -> None:
    it = index(*(waiting(job_id, config_bytes=MOST_BYTES // 2 - 1) for job_id in range(5)))
    assert ids(it.take([MINE], 10)) == [0, 1, 2]
    assert ids(it.take([MINE], 10)) == [3, 4]


def test_of_a_job_that_changes_on_its_way_nothing_is_known_any_more() -> None:
    it = index()
    job = waiting(1)
    it.partition(MINE).begin()
    known = replace(ready_of(job), job=job)
    it.partition(MINE).fill([known], None, is_all=True, besides=())
    assert it.take([MINE], 1) == [known]
    assert it.on_their_way == {1: job}
    it.forget(job)
    assert it.on_their_way == {1: None}


def test_whole_rows_are_kept_of_so_many_and_no_more() -> None:
    it = ReadyIndex()
    for n in range(MOST_WHOLE // HELD):
        assert it.keeps_whole
        jobs = [waiting(n * HELD + i, task_type=f"T{n}") for i in range(HELD)]
        read(it, *jobs, key=(1, "default", f"T{n}"))
    assert not it.keeps_whole
    it.take([(1, "default", "T0")], 1)
    assert it.keeps_whole
