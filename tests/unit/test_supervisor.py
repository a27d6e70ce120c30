"""The supervisor over real processes: order, restarts, stops, and what the reader sees."""

import os
import signal
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.loopback import free_port
from tests.unit.supervised import PATIENT, SERVER, STUBBORN, child, is_alive, supervising


async def test_a_stage_starts_when_the_one_before_is_healthy(tmp_path: Path) -> None:
    with supervising(tmp_path, [child("queue", SERVER, free_port())], [child("api", PATIENT)]) as parent:
        await parent.prints("all up")
        await parent.prints("api     | began")

        listening, healthy, began = map(
            parent.printed.index, ("queue   | listening", "queue up after", "api     | began")
        )
        assert listening < healthy < began


async def test_a_child_that_dies_is_started_again_with_backoff(tmp_path: Path) -> None:
    with supervising(tmp_path, [child("api", "print('hello'); raise SystemExit(3)")]) as parent:
        await parent.prints("starting it again in 0.2 s", times=2)

        delays = [line.split()[-2] for line in parent.lines if "starting it again" in line]
        assert delays[:4] == ["0.05", "0.1", "0.2", "0.2"]
        assert "api ended (exit status 3)" in parent.printed
        assert parent.printed.count("hello") >= 4


async def test_a_killed_child_is_started_again_and_the_signal_is_named(tmp_path: Path) -> None:
    with supervising(tmp_path, [child("api", PATIENT)]) as parent:
        await parent.prints("api     | began")
        os.kill(parent.pid_of("api"), signal.SIGKILL)
        await parent.prints("api     | began", times=2)

        assert "api ended (signal 9); starting it again in 0.05 s" in parent.printed


async def test_a_child_that_ends_with_0_is_left_alone_and_the_whole_ends_with_the_last(tmp_path: Path) -> None:
    done = "print('done')"
    with supervising(tmp_path, [child("one", done), child("two", done)]) as parent:
        assert await parent.ends() == 0
        assert parent.printed.count("| done") == 2
        assert parent.printed.count("has finished; it is not started again") == 2


async def test_bad_settings_of_one_stop_everything_with_78(tmp_path: Path) -> None:
    refusing = child("api", "print('PORT is wrong'); raise SystemExit(78)")
    with supervising(tmp_path, [child("queue", SERVER, free_port())], [refusing]) as parent:
        assert await parent.ends() == 78
        assert parent.printed.count("PORT is wrong") == 1
        assert "queue   | stopping" in parent.printed


async def test_ctrl_c_stops_in_the_opposite_order_and_exits_0(tmp_path: Path) -> None:
    stages = [[child("queue", PATIENT)], [child("api-1", PATIENT), child("api-2", PATIENT)], [child("edge", PATIENT)]]
    with supervising(tmp_path, *stages) as parent:
        await parent.prints("| began", times=4)
        parent.interrupt()

        assert await parent.ends() == 0
        stopped = [line.split()[0] for line in parent.lines if line.endswith("| stopping")]
        assert stopped[0] == "edge"
        assert sorted(stopped[1:3]) == ["api-1", "api-2"]
        assert stopped[3:] == ["queue"]
        assert "saw SIGINT" not in parent.printed


async def test_sigterm_stops_as_ctrl_c_does(tmp_path: Path) -> None:
    with supervising(tmp_path, [child("queue", PATIENT)]) as parent:
        await parent.prints("| began")
        parent.process.terminate()

        assert await parent.ends() == 0
        assert "queue   | stopping" in parent.printed


async def test_a_child_that_does_not_stop_in_time_is_killed_and_the_status_says_so(tmp_path: Path) -> None:
    with supervising(tmp_path, [child("queue", STUBBORN)], stop_s=0.3) as parent:
        await parent.prints("| began")
        parent.interrupt()

        assert await parent.ends() == 1
        assert "queue did not stop within 0.3 s: killed" in parent.printed


async def test_a_second_ctrl_c_kills_at_once(tmp_path: Path) -> None:
    with supervising(tmp_path, [child("queue", STUBBORN)], stop_s=600) as parent:
        await parent.prints("| began")
        pid = parent.pid_of("queue")
        parent.interrupt()
        await parent.prints("queue   | no")
        parent.interrupt()

        assert await parent.ends() == 1
        assert "queue killed on request" in parent.printed
        assert not is_alive(pid)


async def test_ctrl_c_while_a_child_waits_for_its_restart_or_starts_exits_0(tmp_path: Path) -> None:
    dying, late = child("queue", "raise SystemExit(3)", free_port()), child("api", PATIENT)
    with supervising(tmp_path, [dying], [late]) as parent:
        await parent.prints("starting it again in 0.2 s")
        parent.interrupt()

        assert await parent.ends() == 0
        assert "api     | began" not in parent.printed


async def test_a_child_that_never_becomes_healthy_fails_the_start(tmp_path: Path) -> None:
    with supervising(tmp_path, [child("queue", PATIENT, free_port())], start_s=0.5) as parent:
        assert await parent.ends() == 1
        assert "queue did not become healthy: stopping everything" in parent.printed


async def test_children_drain_and_die_when_the_parent_is_killed(tmp_path: Path) -> None:
    with supervising(tmp_path, [child("queue", PATIENT)], [child("api", PATIENT)]) as parent:
        await parent.prints("| began", times=2)
        pids = [parent.pid_of("queue"), parent.pid_of("api")]
        parent.process.kill()

        await eventually(lambda: not any(map(is_alive, pids)))


async def test_a_grandchild_that_keeps_the_output_open_delays_nothing(tmp_path: Path) -> None:
    forking = "import os, time\nif os.fork() == 0: time.sleep(600)\nprint('began', os.getpid())\nraise SystemExit(3)"
    with supervising(tmp_path, [child("api", forking)]) as parent:
        await parent.prints("starting it again in 0.1 s")


async def test_lines_stand_behind_the_name_of_their_child_and_long_ones_are_whole(tmp_path: Path) -> None:
    code = "import time; print('x' * 5000); print('[red]not markup[/]'); print('no line end', end='')"
    with supervising(tmp_path, [child("api", code), child("queue-1", PATIENT)]) as parent:
        await parent.prints("no line end")

        assert f"api     | {'x' * 5000}" in parent.lines
        assert "api     | [red]not markup[/]" in parent.lines
        assert "\x1b" not in parent.printed
