"""The product as real processes: a queue service and API nodes on free ports, to be killed at will."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from tests.support.dies_with_parent import dies_with_parent
from tests.support.eventually import eventually
from tests.support.loopback import free_port
from tests.support.writer import SECRET

_ROOT: Final = Path(__file__).resolve().parents[2]


class Process:
    """One process of ours. `log` is what it wrote so far, over all its lives."""

    def __init__(self, module: str, port: int, env: dict[str, str], log_path: Path) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._module = module
        self._env = env
        self._log_path = log_path
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log_path.read_text() if self._log_path.is_file() else ""

    @property
    def pid(self) -> int:
        assert self._popen is not None
        return self._popen.pid

    def start(self) -> None:
        """Start it; `ready` waits until it serves."""
        with self._log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                dies_with_parent([sys.executable, "-m", self._module]),
                cwd=_ROOT,
                env=self._env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def signal(self, number: int) -> None:
        assert self._popen is not None
        self._popen.send_signal(number)

    async def ready(self, within_s: float = 15.0) -> None:
        """Wait until its health check says ok."""

        async def is_healthy() -> bool:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http,
                http.get(f"{self.url}/api/health") as response,
            ):
                return response.status == 200

        try:
            await eventually(is_healthy, within_s=within_s, what=f"{self._module} serving on {self.port}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-2000:]}") from None

    async def wait(self, within_s: float = 20.0) -> int:
        """Its exit status once it ends."""
        assert self._popen is not None
        status = await asyncio.wait_for(asyncio.to_thread(self._popen.wait), within_s)
        if self._popen.stdin:
            self._popen.stdin.close()
        return status

    async def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self._popen is not None and self._popen.poll() is None:
            self.signal(signal.SIGKILL)
            await self.wait()

    async def stop(self) -> int:
        """SIGTERM; its exit status."""
        self.signal(signal.SIGTERM)
        return await self.wait()


class Cluster:
    """`async with Cluster(url, dir) as cluster:` one queue service, some nodes, all healthy."""

    def __init__(self, database_url: str, data_dir: Path, *, nodes: int = 2, **env: str) -> None:
        base = {k: v for k, v in os.environ.items() if not k.startswith(("CONSOLE_", "QUEUE_", "DATABASE_"))}
        self.database_url = database_url
        queue_port = free_port()
        shared = base | {
            "DATABASE_URL": database_url,
            "DATA_DIR": str(data_dir),
            "JWT_SECRET": SECRET,
            "QUEUE_SECRET": SECRET,
            "QUEUE_PORT": str(queue_port),
            "REGISTRATIONS_PER_HOUR": "1000000",  # every test comes from one address
            "PASSWORD_HASH": "owasp",  # the other one took a third of all the tests' time
            **env,
        }
        self.queue = Process("queue_service", queue_port, shared, data_dir / "queue.log")
        self.nodes: list[Process] = []
        self._env, self._data_dir = shared, data_dir
        for _ in range(nodes):
            self.add_node(free_port())
        self._sessions: list[aiohttp.ClientSession] = []

    async def __aenter__(self) -> Self:
        for process in (self.queue, *self.nodes):
            process.start()
        try:
            for process in (self.queue, *self.nodes):
                await process.ready()
        except BaseException:
            await self.kill()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions:
            await session.close()
        await self.kill()

    async def kill(self) -> None:
        """kill -9 every process."""
        for process in (*self.nodes, self.queue):
            await process.kill()

    def add_node(self, port: int, output: Path | None = None) -> Process:
        """One more node, which `async with` starts, or the caller. `output`: where it prints, if not to its log."""
        log = output or self._data_dir / f"node-{len(self.nodes)}.log"
        node = Process("api_node", port, self._env | {"API_PORT": str(port)}, log)
        self.nodes.append(node)
        return node

    def client(self, node: int = 0, token: str | None = None) -> aiohttp.ClientSession:
        """A client of one node, closed with the cluster."""
        return self._client(self.nodes[node].url, token)

    def queue_client(self, secret: str | None = SECRET) -> aiohttp.ClientSession:
        """A client of the internal door."""
        return self._client(self.queue.url, secret)

    async def register(self, email: str = "admin@example.com", password: str = "password123") -> tuple[int, str]:
        """A new account: its id and an access token."""
        body = {"email": email, "password": password}
        async with self.client().post("/api/auth/register", json=body) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 201, answer
            return answer["data"]["user"]["id"], answer["data"]["token"]

    def _client(self, url: str, token: str | None) -> aiohttp.ClientSession:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        session = aiohttp.ClientSession(url, headers=headers, timeout=aiohttp.ClientTimeout(total=30))
        self._sessions.append(session)
        return session
