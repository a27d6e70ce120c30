"""Log files: room is made, lines stay whole, and no disk however broken stops the one who logs."""

import fcntl
import json
import multiprocessing
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from shared.logfiles import LogFiles
from shared.rotatedfile import RotatedFile
from tests.support.eventually import eventually


def _line(number: int, writer: int = 0) -> bytes:
    return json.dumps({"writer": writer, "number": number, "fill": "x" * 50}).encode() + b"\n"


def _numbers(folder: Path, writer: int = 0) -> list[int]:
    """What a writer wrote, oldest first. Every line must be whole."""
    files = sorted(
        folder.iterdir(), key=lambda file: int(file.suffix[1:]) if file.suffix != ".log" else 0, reverse=True
    )
    read = [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
    return [line["number"] for line in read if line["writer"] == writer]


@contextmanager
def _files(folder: Path, max_bytes: int = 1 << 20) -> Iterator[LogFiles]:
    files = LogFiles(folder, "test", max_bytes=max_bytes)
    try:
        yield files
    finally:
        files.close()


def test_old_files_are_kept_up_to_the_bound_and_none_outgrows_its_size(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "x.log", max_bytes=1000, old_files=3)
    for start in range(0, 1000, 7):
        file.append([_line(number) for number in range(start, start + 7)])
    file.close()

    assert {each.name for each in tmp_path.iterdir()} == {"x.log", "x.log.1", "x.log.2", "x.log.3"}
    assert max(each.stat().st_size for each in tmp_path.iterdir()) <= 1000
    kept = _numbers(tmp_path)
    assert kept == list(range(kept[0], 1001))


def test_a_file_that_grew_in_an_earlier_life_is_rotated_first(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(_line(1) * 100)
    file = RotatedFile(tmp_path / "x.log", max_bytes=1000)
    file.append([_line(2)])
    file.close()

    assert (tmp_path / "x.log").read_bytes() == _line(2)
    assert (tmp_path / "x.log.1").read_bytes() == _line(1) * 100


def test_a_line_longer_than_a_file_is_kept_whole(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "x.log", max_bytes=100, old_files=2)
    file.append([_line(1), b"y" * 500 + b"\n", _line(2)])
    file.close()

    assert (tmp_path / "x.log.1").read_bytes() == b"y" * 500 + b"\n"
    assert (tmp_path / "x.log").read_bytes() == _line(2)


def test_only_owner_and_group_may_read(tmp_path: Path) -> None:
    with _files(tmp_path / "new" / "logs"):
        folder = tmp_path / "new" / "logs"
        assert stat.S_IMODE(folder.stat().st_mode) & 0o027 == 0
        assert {stat.S_IMODE(file.stat().st_mode) & 0o137 for file in folder.iterdir()} == {0}


def test_what_a_killed_process_left_unfinished_gets_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(_line(1) + b'{"numb')
    file = RotatedFile(tmp_path / "x.log")
    file.append([_line(2)])
    file.close()

    assert (tmp_path / "x.log").read_bytes() == _line(1) + b'{"numb\n' + _line(2)


@pytest.mark.parametrize("take", ["move", "delete"])
def test_a_file_that_was_taken_away_is_made_anew(tmp_path: Path, take: str) -> None:
    file = RotatedFile(tmp_path / "x.log")
    file.append([_line(1)])
    if take == "move":
        (tmp_path / "x.log").rename(tmp_path / "mine")
    else:
        (tmp_path / "x.log").unlink()
    file.append([_line(2)])
    file.close()

    assert (tmp_path / "x.log").read_bytes() == _line(2)


def _write_many(path: Path, writer: int) -> None:
    file = RotatedFile(path, max_bytes=600, old_files=1500)
    for start in range(0, 600, 3):
        file.append([_line(number, writer) for number in range(start, start + 3)])
    file.close()


def test_writers_of_one_file_tear_no_line_and_lose_none(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(tmp_path / "x.log", number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    for number in range(3):
        assert sorted(_numbers(tmp_path, number)) == list(range(600))


def test_a_line_goes_to_its_file_and_an_error_to_the_errors_too(tmp_path: Path) -> None:
    with _files(tmp_path) as files:
        files.put(b"request\n", is_access=True, is_error=False)
        files.put(b"said\n", is_access=False, is_error=False)
        files.put(b"broke\n", is_access=False, is_error=True)

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "test.access.log": b"request\n",
        "test.app.log": b"said\nbroke\n",
        "test.error.log": b"broke\n",
    }


async def test_a_line_is_in_its_file_without_anybody_asking(tmp_path: Path) -> None:
    with _files(tmp_path) as files:
        files.put(_line(1), is_access=False, is_error=False)
        await eventually(lambda: (tmp_path / "test.app.log").read_bytes() == _line(1))
        files.put(_line(2), is_access=False, is_error=False)
        files.flush(10)
        assert (tmp_path / "test.app.log").read_bytes() == _line(1) + _line(2)


def test_a_full_disk_costs_lines_of_that_file_alone_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test.access.log").symlink_to("/dev/full")
    with _files(tmp_path) as files:
        for number in range(3):
            files.put(_line(number), is_access=True, is_error=False)
            files.put(_line(number), is_access=False, is_error=False)
            files.flush(10)

    assert (tmp_path / "test.app.log").read_bytes() == b"".join(map(_line, range(3)))
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"LOG_DIR: {tmp_path}/test.access.log cannot be written (No space left on device): "
        "its lines are on standard output alone"
    ]


def test_a_disk_with_room_again_is_used_again_and_the_gap_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    log = tmp_path / "test.app.log"
    log.symlink_to("/dev/full")
    files = LogFiles(tmp_path, "test", clock=lambda: now)
    files.put(_line(1), is_access=False, is_error=False)
    files.flush(10)
    log.unlink()
    files.put(_line(2), is_access=False, is_error=False)  # too early to try again
    files.flush(10)
    now = 6.0
    files.put(_line(3), is_access=False, is_error=False)
    files.close()

    assert log.read_bytes() == _line(3)
    assert capsys.readouterr().err.splitlines()[1:] == [
        f"LOG_DIR: {log} is written again; up to 2 lines are missing in it"
    ]


def test_a_disk_that_hangs_holds_up_nobody_and_fills_no_memory(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "test.app.log")
    with _files(tmp_path) as files:
        pipe = os.open(tmp_path / "test.app.log", os.O_RDONLY)
        line = b"x" * 100_000 + b"\n"
        began = monotonic()
        for _ in range(1000):
            files.put(line, is_access=False, is_error=False)
        files.flush(0.1)
        assert monotonic() - began < 5
        # nobody reads: a pipe holds 64 KiB, the waiting room 16 MiB
        assert 0 < files.waiting_bytes <= 16 << 20
        fcntl.fcntl(pipe, fcntl.F_SETFL, os.O_NONBLOCK)
        _drain(pipe, files)
        os.close(pipe)


def _drain(pipe: int, files: LogFiles) -> None:
    """Read until all is out, so that the thread can end."""
    while files.waiting_bytes:
        try:
            os.read(pipe, 1 << 20)
        except BlockingIOError:
            files.flush(0.01)


def test_a_folder_that_cannot_be_made_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        LogFiles(tmp_path / "file" / "logs", "test")
