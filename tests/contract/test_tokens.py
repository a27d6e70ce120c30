"""Who is let in: a valid token of ours, and no other. Every refusal is the same 401."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from tests.contract.conftest import Board
from tests.support.api import Api
from tests.support.signing import KEYS

Forge = Callable[[dict[str, Any]], str]


KID, KEY = KEYS.signing


def _signed(
    claims: dict[str, Any], key: str = KEY, typ: str = "at+jwt", algorithm: str = "HS256", kid: str | None = KID
) -> str:
    return jwt.encode(claims, key, algorithm, headers={"typ": typ} | ({"kid": kid} if kid else {}))


def _unsigned(claims: dict[str, Any], algorithm: str) -> str:
    parts = ({"alg": algorithm, "typ": "at+jwt", "kid": KID}, claims)
    return (
        ".".join(
            base64.urlsafe_b64encode(json.dumps(p, default=datetime.timestamp).encode()).rstrip(b"=").decode()
            for p in parts
        )
        + "."
    )


def _without(claims: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in claims.items() if key != name}


LONG_AGO, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
FORGERIES: dict[str, Forge] = {
    "expired": lambda claims: _signed(claims | {"exp": LONG_AGO}),
    "not yet valid": lambda claims: _signed(claims | {"nbf": LATER}),
    "alg none": lambda claims: _unsigned(claims, "none"),
    "alg None": lambda claims: _unsigned(claims, "None"),
    "another algorithm": lambda claims: _signed(claims, algorithm="HS512", key=KEY * 2),
    "another key": lambda claims: _signed(claims, key="another secret, also long enough to pass"),
    "another audience": lambda claims: _signed(claims | {"aud": "someone-else"}),
    "another issuer": lambda claims: _signed(claims | {"iss": "someone-else"}),
    "a key that we do not know": lambda claims: _signed(claims, kid="0123456789abcdef"),
    "no key's name": lambda claims: _signed(claims, kid=None),
    "another epoch": lambda claims: _signed(claims | {"epoch": claims["epoch"] + 1}),
    "without an epoch": lambda claims: _signed(_without(claims, "epoch")),
    "another type": lambda claims: _signed(claims, typ="JWT"),
    "a refresh token": lambda claims: _signed(claims, typ="rt+jwt"),
    "nobody": lambda claims: _signed(claims | {"sub": str(2**52)}),
    "somebody else": lambda claims: _signed(claims | {"sub": str(int(claims["sub"]) + 1)}),
    "no such session": lambda claims: _signed(claims | {"sid": 2**52}),
    "no session's number": lambda claims: _signed(claims | {"sid": "first"}),
    "a session of no type": lambda claims: _signed(claims | {"sid": None}),
    "no number": lambda claims: _signed(claims | {"sub": "admin"}),
    "without an end": lambda claims: _signed(_without(claims, "exp")),
    "without an audience": lambda claims: _signed(_without(claims, "aud")),
    "without an issuer": lambda claims: _signed(_without(claims, "iss")),
    "without a subject": lambda claims: _signed(_without(claims, "sub")),
    "without a session": lambda claims: _signed(_without(claims, "sid")),
    "without an id": lambda claims: _signed(_without(claims, "jti")),
    "cut short": lambda claims: _signed(claims)[:-4],
    "garbage": lambda _: "garbage",
    "three garbage parts": lambda _: "a.b.c",
    "empty": lambda _: "",
    "not ascii": lambda _: "café",
}


def _claims(token: str | None) -> dict[str, Any]:
    """What a token of ours says, as anybody can read it, with a life of its own."""
    now, ours = datetime.now(UTC), jwt.decode(token or "", options={"verify_signature": False})
    return {
        "iss": "the-console",
        "aud": "the-console-api",
        "sub": ours["sub"],
        "sid": ours["sid"],
        "epoch": ours["epoch"],
        "iat": now,
        "nbf": now - timedelta(seconds=5),
        "exp": now + timedelta(minutes=5),
        "jti": "x",
    }


async def test_the_forgeries_below_are_made_of_a_token_that_is_let_in(board: Board) -> None:
    _, token, _ = await board.account()
    assert (await Api(board.stranger.http, _signed(_claims(token))).get("/api/tasks")).status == 200


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_any_other_token_is_refused_and_told_nothing(board: Board, forge: Forge) -> None:
    token = forge(_claims(board.admin.token))
    answer = await board.stranger("GET", "/api/tasks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (answer.body["errorCode"], answer.body["outcome"]) == ("unauthenticated", "not_applied")
    assert "detail" not in answer.body


@pytest.mark.parametrize("scheme", ["", "Basic", "Token", "BearerX"])
async def test_a_valid_token_under_another_scheme_is_refused(board: Board, scheme: str) -> None:
    answer = await board.stranger("GET", "/api/tasks", headers={"Authorization": f"{scheme} {board.admin.token}"})
    assert answer.status == 401


async def test_a_token_works_at_every_node(board: Board) -> None:
    _, token, _ = await board.account()
    at_both = [Api(http, token) for http in (board.stranger.http, board.other.http)]
    assert [(await api.get("/api/tasks")).status for api in at_both] == [200, 200]
