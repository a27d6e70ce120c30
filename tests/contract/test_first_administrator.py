"""ADMIN_USERNAME and ADMIN_PASSWORD: the administrator that is there before anybody can register."""

from pathlib import Path

from tests.contract.conftest import PASSWORD
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.databases import Database

SEEDS_OWN = {"username": "admin", "password": "admin123"}


async def test_it_signs_in_as_the_seed_shows_and_who_registers_first_is_an_employee(
    database: Database, tmp_path: Path
) -> None:
    made = {"ADMIN_USERNAME": "Admin", "ADMIN_PASSWORD": "admin123"}
    async with Cluster(database.url, tmp_path, nodes=1, **made) as cluster:
        stranger = Api(cluster.client())
        login = await stranger.post("/v1/auth/login", SEEDS_OWN)
        assert (login.status, login.body["code"]) == (200, 0)
        assert (login.data["user"]["username"], login.data["user"]["roleId"]) == ("admin", 1)
        registered = await stranger.post("/api/auth/register", {"email": "first@example.com", "password": PASSWORD})
        assert registered.data["user"]["role"] == "employee"


async def test_it_is_made_once_and_another_password_later_changes_nothing(database: Database, tmp_path: Path) -> None:
    for password in ("admin123", "analytical engine"):
        async with Cluster(database.url, tmp_path, nodes=1, ADMIN_USERNAME="admin", ADMIN_PASSWORD=password) as cluster:
            assert (await Api(cluster.client()).post("/v1/auth/login", SEEDS_OWN)).status == 200
            assert await cluster.queue.stop() == 0
    assert database.rows("SELECT COUNT(*) FROM user_table") == [(1,)]


async def test_a_name_that_somebody_has_stays_theirs(database: Database, tmp_path: Path) -> None:
    ada = {"email": "ada@example.com", "password": PASSWORD}
    async with Cluster(database.url, tmp_path, nodes=1) as cluster:
        for email in ("first@example.com", ada["email"]):
            await Api(cluster.client()).post("/api/auth/register", ada | {"email": email})
        assert await cluster.queue.stop() == 0
    async with Cluster(
        database.url, tmp_path, nodes=1, ADMIN_USERNAME=ada["email"], ADMIN_PASSWORD="analytical engine"
    ) as cluster:
        login = await Api(cluster.client()).post("/api/auth/login", ada)
        assert login.data["user"]["role"] == "employee"


async def test_an_installation_that_nobody_can_sign_in_to_says_so(database: Database, tmp_path: Path) -> None:
    async with Cluster(database.url, tmp_path, nodes=0, REGISTRATION="closed") as cluster:
        assert "nobody_can_sign_in" in cluster.queue.log
        assert await cluster.queue.stop() == 0
    told = cluster.queue.log.count("nobody_can_sign_in")
    made = {"ADMIN_USERNAME": "Admin", "ADMIN_PASSWORD": "analytical engine"}
    async with Cluster(database.url, tmp_path, nodes=0, REGISTRATION="closed", **made) as cluster:
        assert cluster.queue.log.count("nobody_can_sign_in") == told
