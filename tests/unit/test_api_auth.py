"""Tokens: which are believed, from where, and for how long."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from domain import canary
from ingest_api import auth
from ingest_api.auth import Scope, Tokens, Viewer, WeakSecret, issue
from ingest_api.errors import ApiError, BackfillNotHere, TokenExpired, TokenMissing, Unauthorized
from tests.builders import NOW_S, SECRET, USER, a_token

DAY_S = 86_400
CLAIMS = {"sub": "7", "scope": "viewer", "iss": "juliu", "aud": "juliu-api", "iat": NOW_S, "exp": NOW_S + DAY_S}


class Clock:
    def __init__(self) -> None:
        self.now_s = float(NOW_S)

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens(SECRET, clock)


def ask(tokens: Tokens, token: str, peer: str | None = "127.0.0.1", **headers: bytes) -> Viewer:
    more = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return tokens.viewer_of({b"authorization": b"Bearer " + token.encode(), **more}, peer)


def signed(key: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    whole = {name: value for name, value in (CLAIMS | claims).items() if value is not ...}
    return jwt.encode(whole, key, algorithm=algorithm)


def unsigned(algorithm: str) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(CLAIMS)}."


def test_a_token_says_who_its_viewer_is(tokens: Tokens) -> None:
    assert ask(tokens, a_token(USER)) == Viewer(USER, Scope.VIEWER)
    highest = canary.USERS.start - 1
    assert ask(tokens, a_token(highest, Scope.ADMIN)) == Viewer(highest, Scope.ADMIN)
    assert ask(tokens, a_token(2**53 - 1, Scope.CANARY)) == Viewer(2**53 - 1, Scope.CANARY)


def test_a_token_may_say_where_its_viewer_is_and_how_old(tokens: Tokens) -> None:
    assert ask(tokens, a_token(USER, region="CN-GD", age_years=0)) == Viewer(USER, Scope.VIEWER, "CN-GD", 0)
    assert ask(tokens, a_token(USER)) == Viewer(USER, Scope.VIEWER, "", None)


@pytest.mark.parametrize("about", [{"region": "cn"}, {"region": "CN,TW"}, {"age_years": -1}, {"age_years": 151}])
def test_no_token_is_made_for_a_region_or_age_that_cannot_be(about: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a region is like CN"):
        a_token(USER, **about)


@pytest.mark.parametrize(
    "token",
    [
        signed(key="another-secret-0123456789abcdefghijkl"),
        signed(algorithm="HS512", key=SECRET * 2),
        signed(iss="somebody"),
        signed(aud="another-api"),
        signed(iss=...),
        signed(aud=...),
        signed(exp=...),
        signed(iat=...),
        signed(sub=...),
        signed(scope=...),
        signed(scope="root"),
        signed(scope=["viewer"]),
        signed(region="somewhere"),
        signed(region=""),
        signed(region=86),
        signed(region=None),
        signed(age_years="18"),
        signed(age_years=True),
        signed(age_years=18.5),
        signed(age_years=-1),
        signed(age_years=151),
        signed(age_years=None),
        signed(sub="0"),
        signed(sub="07"),
        signed(sub="-7"),
        signed(sub="7 "),
        signed(sub="٧"),
        signed(sub=str(2**53)),
        signed(sub="../../etc"),
        signed(iat=NOW_S + 120, exp=NOW_S + 240),
        signed(exp=2**60),
        signed() + "x",
        signed()[:-4],
        unsigned("none"),
        unsigned("None"),
        unsigned("HS256"),
        "a.b.c",
        "....",
        "\x00",
        "x" * 5_000,
    ],
)
def test_what_is_not_ours_is_refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(Unauthorized) as refused:
        ask(tokens, token)
    assert (refused.value.status, refused.value.code) == (401, "token_invalid")


def test_a_token_signed_by_another_algorithm_is_refused_even_with_our_key(tokens: Tokens) -> None:
    with pytest.raises(Unauthorized):
        ask(tokens, signed(algorithm="HS384", key=SECRET + SECRET))


@pytest.mark.parametrize(
    ("value", "error"),
    [(b"", TokenMissing), (b"Basic abc", Unauthorized), (b"Bearer", Unauthorized), (b"Bearer ", Unauthorized)],
)
def test_an_authorization_that_is_none_is_refused(tokens: Tokens, value: bytes, error: type[ApiError]) -> None:
    with pytest.raises(error):
        tokens.viewer_of({b"authorization": value}, None)


def test_the_kind_of_authorization_is_read_in_any_case(tokens: Tokens) -> None:
    headers = {b"authorization": b"bearer " + a_token().encode()}
    assert tokens.viewer_of(headers, None).user_id == USER


def test_a_token_expires_also_when_it_is_remembered(tokens: Tokens, clock: Clock) -> None:
    token = signed(exp=NOW_S + 100)
    clock.now_s = NOW_S + 100 + auth.LEEWAY_S
    assert ask(tokens, token).user_id == USER
    clock.now_s += 1
    for _ in range(2):
        with pytest.raises(TokenExpired):
            ask(tokens, token)


def test_no_more_tokens_are_remembered_than_the_bound(clock: Clock) -> None:
    tokens = Tokens(SECRET, clock, remembered=3)
    for user_id in range(1, 10):
        assert ask(tokens, a_token(user_id)).user_id == user_id
    assert len(tokens._known) == 3
    assert ask(tokens, a_token(1)).user_id == 1


def test_no_token_is_kept_as_it_is(tokens: Tokens) -> None:
    token = a_token()
    ask(tokens, token)
    assert token not in repr(tokens.__dict__)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.0.1", "::1"])
def test_backfill_is_taken_from_this_machine(tokens: Tokens, peer: str) -> None:
    assert ask(tokens, a_token(scope=Scope.BACKFILL), peer).scope is Scope.BACKFILL


@pytest.mark.parametrize("peer", ["10.0.0.1", "192.0.2.7", "2001:db8::1", "", "localhost", None])
def test_backfill_is_refused_from_elsewhere(tokens: Tokens, peer: str | None) -> None:
    with pytest.raises(BackfillNotHere):
        ask(tokens, a_token(scope=Scope.BACKFILL), peer)
    assert ask(tokens, a_token(), peer).user_id == USER


@pytest.mark.parametrize("header", ["forwarded", "x_forwarded_for", "x_real_ip"])
def test_backfill_is_refused_through_a_proxy_on_this_machine(tokens: Tokens, header: str) -> None:
    with pytest.raises(BackfillNotHere):
        ask(tokens, a_token(scope=Scope.BACKFILL), "127.0.0.1", **{header: b"127.0.0.1"})


def test_backfill_may_be_allowed_from_anywhere(clock: Clock) -> None:
    tokens = Tokens(SECRET, clock, backfill_anywhere=True)
    assert ask(tokens, a_token(scope=Scope.BACKFILL), "10.0.0.1").scope is Scope.BACKFILL


@pytest.mark.parametrize("secret", ["", "short", "x" * 31, "a" * 64])
def test_a_weak_secret_is_refused_before_anything_is_served(secret: str) -> None:
    with pytest.raises(WeakSecret, match="JULIU_JWT_SECRET"):
        Tokens(secret, lambda: 0.0)
    with pytest.raises(WeakSecret):
        issue(secret, 1, Scope.VIEWER, NOW_S, 1)


@pytest.mark.parametrize(("user_id", "days"), [(0, 1), (-1, 1), (2**53, 1), (1, 0)])
def test_no_token_is_made_for_what_cannot_be(user_id: int, days: int) -> None:
    with pytest.raises(ValueError, match="user ids"):
        issue(SECRET, user_id, Scope.VIEWER, NOW_S, days)
