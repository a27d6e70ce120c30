"""Asking the API as a client would: one call, one answer, nothing hidden."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.raw)
        return decoded

    @property
    def data(self) -> Any:
        """The `data` of a success; the assertion shows the whole answer otherwise."""
        assert self.body.get("success") is True or self.body.get("code") == 0, self
        return self.body["data"]

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of an error."""
        return self.status, self.body["errorCode"]

    @property
    def fields_at_fault(self) -> list[str]:
        return [error["field"] for error in self.body.get("errors", [])]


@dataclass(frozen=True, slots=True)
class Api:
    """One person (or a stranger, without a token) at one server."""

    http: aiohttp.ClientSession
    token: str | None = None

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`raw` is sent as it is, as JSON by its label; `headers` win over what is set here."""
        sent = {"Content-Type": "application/json"} if body is not None or raw is not None else {}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        content = raw if raw is not None else json.dumps(body).encode() if body is not None else b""
        async with self.http.request(
            method, path, data=io.BytesIO(content) if content else None, headers=sent | dict(headers or {})
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Answer:
        return await self("GET", path, headers=_names(headers))

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self("POST", path, body, headers=_names(headers))

    async def put(self, path: str, body: Any, **headers: str) -> Answer:
        return await self("PUT", path, body, headers=_names(headers))

    async def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return await self("PATCH", path, body, headers=_names(headers))

    async def delete(self, path: str, **headers: str) -> Answer:
        return await self("DELETE", path, headers=_names(headers))

    async def new_task(self, **fields: Any) -> dict[str, Any]:
        """A task just made, as the API shows it."""
        answer = await self.post("/api/tasks", {"title": "a task", **fields})
        assert answer.status == 201, answer
        task: dict[str, Any] = answer.data
        return task


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    """`If_Match` as a keyword is the header If-Match."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
