"""Wrong settings end every process the same way: one line that names the setting, exit status 78, no secret."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
ALL_OF_OURS = pytest.mark.parametrize("module", ["queue_service", "api_node"])


def _run(module: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {"PYTHONPATH": str(ROOT), "DATA_DIR": str(folder), **environ}
    return subprocess.run([sys.executable, "-m", module], env=environ, cwd=folder, capture_output=True, text=True)


@ALL_OF_OURS
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://user:hunter2@127.0.0.1/db?foo=1"),
        ("DATABASE_URL", "mysql://user:hunter2@127.0.0.1:x/db"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,the-edge"),
        ("QUEUE_SERVICE_URL", "queue:4000"),
    ],
)
def test_a_wrong_value_is_one_line_and_status_78(tmp_path: Path, module: str, name: str, value: str) -> None:
    done = _run(module, tmp_path, **{name: value})

    assert done.returncode == 78
    assert done.stdout + done.stderr == done.stderr
    assert done.stderr.startswith(f"{name}: ")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


@ALL_OF_OURS
def test_a_data_folder_that_cannot_be_used_is_one_line_too(tmp_path: Path, module: str) -> None:
    (tmp_path / "file").write_text("")
    done = _run(module, tmp_path, DATA_DIR=str(tmp_path / "file" / "data"))

    assert done.returncode == 1
    assert done.stderr == f"DATA_DIR: {tmp_path}/file/data cannot be used: Not a directory\n"


@ALL_OF_OURS
def test_a_folder_for_logs_that_cannot_be_written_is_a_wrong_setting(tmp_path: Path, module: str) -> None:
    (tmp_path / "file").write_text("")
    done = _run(module, tmp_path, LOG_DIR=str(tmp_path / "file" / "logs"))

    assert done.returncode == 78
    assert done.stderr == (
        f"LOG_DIR: {tmp_path}/file/logs cannot be written (Not a directory): "
        "change its owner, name another folder, or leave LOG_DIR empty\n"
    )
