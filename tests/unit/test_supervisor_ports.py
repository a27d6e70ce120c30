"""A taken port is named before anything starts."""

import socket

from cli.ports import WantedPort, problems_of
from tests.support.loopback import free_port


def test_a_taken_port_names_the_port_who_wants_it_and_what_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        wanted = [WantedPort("the edge", "127.0.0.1", port, "--port or EDGE_PORT")]

        assert list(problems_of(wanted)) == [
            f"port {port}, wanted by the edge, is taken by another program: change it with --port or EDGE_PORT"
        ]


def test_a_port_taken_on_every_address_counts_too() -> None:
    with socket.create_server(("", 0)) as other:
        wanted = [WantedPort("the edge", "127.0.0.1", other.getsockname()[1], "--port or EDGE_PORT")]

        assert len(list(problems_of(wanted))) == 1


def test_two_of_ours_that_want_one_port_are_told() -> None:
    port = free_port()
    wanted = [
        WantedPort("API node 1", "127.0.0.1", port, "--api-port or API_PORT"),
        WantedPort("the edge", "127.0.0.1", port, "--port or EDGE_PORT"),
    ]

    (problem,) = problems_of(wanted)
    assert problem == f"port {port} is wanted by API node 1 and by the edge: change it with --port or EDGE_PORT"


def test_free_ports_are_no_problem() -> None:
    assert not list(problems_of([WantedPort("the edge", "127.0.0.1", free_port(), "--port or EDGE_PORT")]))
