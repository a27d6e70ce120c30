"""The processes of `console up`: what each is, how it is started, which ports it wants."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.child import ChildSpec
from cli.ports import WantedPort
from shared.settings import Settings

CADDYFILE: Final = Path(__file__).resolve().parents[1] / "Caddyfile"
EDGE_LOGS: Final = CADDYFILE.with_name("Caddyfile.logs")
_LOOPBACK: Final = "127.0.0.1"
_EDGE_GRACE: Final = "3s"
_SECRETS: Final = ("JWT_SECRET", "QUEUE_SECRET", "DATABASE_URL")
_ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104  (compared with, not listened on)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Everything `console up` runs. `settings` has both secrets; `environ` is what the children inherit.

    `caddy` is the path of the edge's program; None leaves the edge out.
    """

    settings: Settings
    environ: Mapping[str, str]
    caddy: str | None

    def stages(self) -> list[list[ChildSpec]]:
        """Start order; the stop order is its reverse."""
        nodes = [self._node(i) for i in range(self.settings.nodes)]
        return [[self._queue()], nodes, [self._edge(self.caddy)] if self.caddy else []]

    def ports(self) -> list[WantedPort]:
        """Every port that will be listened on."""
        of = self.settings
        queue = WantedPort("the queue service", of.queue_host, of.queue_port, "--queue-port or QUEUE_PORT")
        nodes = [
            WantedPort(f"API node {i + 1}", of.api_host, of.api_port + i, "--api-port or API_PORT")
            for i in range(of.nodes)
        ]
        if not self.caddy:
            return [queue, *nodes]
        edge = WantedPort("the edge", _LOOPBACK, of.edge_port, "--port or EDGE_PORT")
        how = "--edge-metrics-port or EDGE_METRICS_PORT"
        return [queue, *nodes, edge, WantedPort("the edge's metrics", _LOOPBACK, of.metrics_port, how)]

    def urls(self) -> list[tuple[str, str]]:
        """What to show when all is up: (what, URL), the most useful first."""
        app = [("The Console", f"http://localhost:{self.settings.edge_port}")] if self.caddy else []
        nodes = [(f"API node {i + 1}", self._node_url(i)) for i in range(self.settings.nodes)]
        return [*app, *nodes, ("Queue service", self._queue_url())]

    def _queue(self) -> ChildSpec:
        command = (sys.executable, "-m", "queue_service")
        return ChildSpec("queue", command, self._inherited(), f"{self._queue_url()}/api/health")

    def _node(self, index: int) -> ChildSpec:
        environ = self._inherited() | {"API_PORT": str(self.settings.api_port + index)}
        command = (sys.executable, "-m", "api_node")
        return ChildSpec(f"api-{index + 1}", command, environ, f"{self._node_url(index)}/api/health")

    def _edge(self, caddy: str) -> ChildSpec:
        upstreams = " ".join(self._node_url(i).removeprefix("http://") for i in range(self.settings.nodes))
        state = str(self.settings.data_dir.absolute() / "caddy")
        log_dir = Path(self.settings.log_dir).absolute()
        environ = {
            # so small a heap is searched for garbage all the time: searching at five times what lives, not at twice,
            # spares the edge a tenth of its time on a request. The limit keeps it modest when much lives
            "GOGC": "400",
            "GOMEMLIMIT": "256MiB",
            # not the secrets: the edge has no use for them
            **{key: value for key, value in self.environ.items() if key not in _SECRETS},
            "EDGE_PORT": str(self.settings.edge_port),
            "EDGE_BIND": _LOOPBACK,
            "EDGE_METRICS_PORT": str(self.settings.metrics_port),
            "EDGE_METRICS_BIND": _LOOPBACK,
            "EDGE_GRACE": _EDGE_GRACE,
            "EDGE_LOG_LEVEL": "ERROR",
            "EDGE_LOG_DIR": str(log_dir),
            "EDGE_MORE_OPTIONS": f'import "{EDGE_LOGS}"' if self.settings.log_dir else "",
            "API_UPSTREAMS": upstreams,
            "LIVE_UPSTREAMS": " ".join(f"tcp/{upstream}" for upstream in upstreams.split()),
            "DEFAULT_LANGUAGE": self.settings.default_language,
            "CORS_ORIGINS": str(self.settings.allowed_origins),
            "XDG_DATA_HOME": state,
            "XDG_CONFIG_HOME": state,
        }
        command = (caddy, "run", "--config", str(CADDYFILE), "--adapter", "caddyfile")
        return ChildSpec("edge", command, environ, f"http://{_LOOPBACK}:{self.settings.edge_port}/api/health")

    def _inherited(self) -> dict[str, str]:
        """The environment of our own programs: every setting as resolved here, so that flags reach them too."""
        resolved = {name.upper(): str(value) for name, value in self.settings.model_dump(mode="json").items()}
        return {
            **self.environ,
            **resolved,
            "DATABASE_URL": self.settings.database,
            "DATA_DIR": str(self.settings.data_dir.absolute()),
            # whatever was set: the nodes of this cluster talk to the queue service of this cluster
            "QUEUE_SERVICE_URL": self._queue_url(),
            "PYTHONUNBUFFERED": "1",
        }

    def _node_url(self, index: int) -> str:
        return f"http://{_reachable(self.settings.api_host)}:{self.settings.api_port + index}"

    def _queue_url(self) -> str:
        return f"http://{_reachable(self.settings.queue_host)}:{self.settings.queue_port}"


def find_caddy(search_path: str | None) -> str | None:
    """The Caddy that was installed with us, else one on `search_path`; None when there is none."""
    ours = Path(sys.executable).parent / "caddy"
    return str(ours) if ours.exists() else shutil.which("caddy", path=search_path)


def _reachable(host: str) -> str:
    """The address under which a listener on `host` is reached from this machine."""
    if host in _ANYWHERE:
        return _LOOPBACK
    return f"[{host}]" if ":" in host else host
