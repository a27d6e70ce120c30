"""A MySQL-family server of one's own: on a free loopback port, with its own data, gone when the tests are."""

import re
import signal
import subprocess
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import IO, Any, Final

import pymysql

from tests.support.dies_with_parent import dies_with_parent
from tests.support.freeze import freeze
from tests.support.loopback import free_port
from tests.support.mysql_binaries import ServerBinaries
from tests.support.mysql_options import ACCOUNT_SQL, bootstrap_sql, initialise_options, serve_options

HOST: Final = "127.0.0.1"
USER = PASSWORD = "test"
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 60.0
POLL_S: Final = 0.02


class MySQLServer:
    """One server process and its data directory. Methods block; call them by asyncio.to_thread where that matters.

    `durable` servers sync every commit to disk; others never sync, which is fit for tests that do not crash machines.
    Either kind keeps what was committed when only the process is killed. `options` are further server flags.
    """

    def __init__(
        self, binaries: ServerBinaries, data_dir: Path, *, durable: bool = False, options: tuple[str, ...] = ()
    ) -> None:
        """Start nothing yet. `data_dir` need not exist; one made by an earlier server of the same kind is reused."""
        self.host = HOST
        self.port = free_port()
        self.data_dir = data_dir
        self.log_path = data_dir / "server.log"
        self._binaries = binaries
        self._durable = durable
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Return once the server takes connections. Raises RuntimeError with the end of its log when it does not."""
        if self.pid is not None:
            raise RuntimeError(f"the server on port {self.port} runs already")
        self._initialise()
        command = [*self._binaries.argv, *serve_options(self._binaries, self._db, self.port, durable=self._durable)]
        with self._open_log() as log:
            self._process = subprocess.Popen(
                dies_with_parent([*command, *self._options]),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for pytest, which then stops the server in order
            )
        self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        """Stop in order, if it runs. Raises RuntimeError when it had to be killed after STOP_TIMEOUT_S."""
        if self.pid is None or self._process is None:
            return
        self.resume()  # a paused process would never see the signal
        self._process.terminate()
        try:
            self._reap(self._process, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._failure("did not stop") from None

    def kill(self) -> None:
        """End it by SIGKILL, paused or not, and return when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._reap(self._process, STOP_TIMEOUT_S)

    def restart(self) -> None:
        """Start again on the same port with the same data, after stopping in order if it still runs."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections are still taken by the kernel, and nothing answers."""
        if self._process is not None:
            freeze(self._process)

    def resume(self) -> None:
        """Undo `pause`; harmless when it is not paused."""
        if self.pid is not None and self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def url(self, database: str, *, port: int | None = None) -> str:
        """The URL of `database` here, or through a proxy of this server that listens on `port`."""
        return f"mysql://{USER}:{PASSWORD}@{HOST}:{port or self.port}/{database}"

    def create_database(self, name: str) -> None:
        """Make an empty database. Raises pymysql.err.ProgrammingError when there is one of that name."""
        self.query(f"CREATE DATABASE {_quoted(name)} CHARACTER SET utf8mb4")

    def drop_database(self, name: str) -> None:
        """Remove a database and all in it; one that is not there is no error."""
        self.query(f"DROP DATABASE IF EXISTS {_quoted(name)}")

    def query(self, sql: str, *parameters: object, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own, committed at once; return its rows, [] when it has none."""
        with closing(self._connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall())

    @property
    def _db(self) -> Path:
        return self.data_dir.absolute() / "db"

    def _connect(self, database: str | None = None) -> Any:  # pymysql is not typed
        return pymysql.connect(
            host=HOST,
            port=self.port,
            user=USER,
            password=PASSWORD,
            database=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _initialise(self) -> None:
        done = self.data_dir / "initialised"
        if done.exists():
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [*self._binaries.argv, *initialise_options(self._binaries, self._db)]
        with self._open_log() as log:
            sql = bootstrap_sql(self._binaries)
            result = subprocess.run(command, input=sql, stdout=log, stderr=log, timeout=START_TIMEOUT_S)
        if result.returncode != 0:
            raise self._failure("could not make its data directory")
        (self.data_dir / "account.sql").write_text(ACCOUNT_SQL.format(user=USER, password=PASSWORD))
        done.touch()

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        give_up_at = monotonic() + START_TIMEOUT_S
        while monotonic() < give_up_at:
            try:
                self._connect().close()
                return
            except pymysql.err.OperationalError:
                try:
                    process.wait(POLL_S)
                except subprocess.TimeoutExpired:
                    continue
                self._reap(process, 0)
                raise self._failure(f"ended with status {process.returncode} while starting") from None
        self.kill()
        raise self._failure(f"did not answer within {START_TIMEOUT_S:g} s")

    def _reap(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        process.wait(timeout_s)
        if process.stdin is not None:
            process.stdin.close()

    def _open_log(self) -> IO[bytes]:
        log = self.log_path.open("ab")
        self._log_start = log.tell()
        return log

    def _failure(self, what: str) -> RuntimeError:
        said = self.log_path.read_bytes()[self._log_start :].decode(errors="replace").splitlines()[-25:]
        return RuntimeError("\n".join([f"the {self._binaries.kind} server on port {self.port} {what}:", *said]))


def _quoted(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", name):
        raise ValueError(f"not a database name: {name!r}")
    return f"`{name}`"
