"""Departments, roles and people made through the API, for tests of who may do what."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from shared.permissions import ID_OF, Permission
from tests.support.api import Api

PASSWORD = "password123"


@dataclass(frozen=True, slots=True)
class Somebody:
    """An account, signed in."""

    id: int
    api: Api
    department_id: int
    role_id: int


@dataclass(frozen=True, slots=True)
class Program:
    """An application with a key that is in use. `secret_id` is that of the key."""

    id: int
    api: Api
    secret_id: int
    department_id: int

    @property
    def key(self) -> str:
        assert self.api.token is not None
        return self.api.token


@dataclass(frozen=True, slots=True)
class Organisation:
    """Makes things as `admin`, an administrator's client."""

    admin: Api

    async def department(self, parent_id: int | None = 1, name: str = "a department") -> int:
        """A new one below another; its id."""
        return int((await self._made("departments", {"name": name, "parentId": parent_id, "status": 1}))["id"])

    async def role(self, *permissions: Permission) -> int:
        """A new one that grants these; its id."""
        ids = [ID_OF[permission] for permission in permissions]
        role = {"name": uuid.uuid4().hex, "permissions": ids, "status": 1}
        return int((await self._made("roles", role))["id"])

    async def account(self, department_id: int, role_id: int, **members: Any) -> dict[str, Any]:
        """A new account, as the API shows it."""
        name = uuid.uuid4().hex
        new = {"username": name, "password": PASSWORD, "realName": "Somebody", "status": 1}
        place = {"departmentId": department_id, "roleId": role_id}
        return await self._made("users", new | place | members)

    async def somebody(self, department_id: int, permissions: Iterable[Permission]) -> Somebody:
        """Somebody with a role of their own, signed in."""
        role_id = await self.role(*permissions)
        user = await self.account(department_id, role_id)
        return Somebody(user["id"], await self.signed_in(user["username"]), department_id, role_id)

    async def program(self, department_id: int, scopes: Iterable[Permission] = (), **members: Any) -> Program:
        """A new application and a client with its first key."""
        new = {"name": "a program", "departmentId": department_id, "scopes": list(scopes), "status": 1}
        made = await self._made("applications", new | members)
        return Program(made["id"], Api(self.admin.http, made["key"]), made["secrets"][0]["id"], department_id)

    async def signed_in(self, username: str) -> Api:
        """A client of that account."""
        answer = await Api(self.admin.http).post("/v1/auth/login", {"username": username, "password": PASSWORD})
        assert answer.status == 200, answer
        return Api(self.admin.http, answer.body["data"]["token"])

    async def _made(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.admin.post(f"/v1/{what}", body)
        assert answer.status == 200, answer
        made: dict[str, Any] = answer.body["data"]
        return made
