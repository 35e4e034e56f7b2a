from __future__ import annotations

import pytest

from edgecv.errors import UsageError
from edgecv.runtime.listening import Address
from edgecv.runtime.live.access import VARIABLE, Access, token_of_environment

HERE, ANYWHERE = Address("127.0.0.1", 8080), Address("0.0.0.0", 8080)
TOKEN = "a-token-nobody-can-guess"  # noqa: S105


def test_this_machine_needs_no_token() -> None:
    assert Access(HERE, None).allows(None, None)


def test_others_need_one_and_are_told_how_to_set_it() -> None:
    with pytest.raises(UsageError, match=rf"needs a token.*export {VARIABLE}=\$\(openssl"):
        Access(ANYWHERE, None)
    with pytest.raises(UsageError, match="has 5 characters, expected at least 16") as caught:
        Access(ANYWHERE, "guess")
    assert "guess" not in str(caught.value)


def test_who_knows_the_token_gets_in_and_keeps_a_cookie() -> None:
    access = Access(ANYWHERE, TOKEN)
    assert access.knows(TOKEN)
    assert access.allows(f"Bearer {TOKEN}", None)
    cookie = access.set_cookie()
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert access.allows(None, "other=1; " + cookie.partition(";")[0])


@pytest.mark.parametrize("wrong", ["", "Bearer", "Bearer x", f"Bearer {TOKEN}x", TOKEN[:-1], "é"])
def test_who_does_not_stays_out(wrong: str) -> None:
    access = Access(ANYWHERE, TOKEN)
    assert not access.allows(wrong, None)
    assert not access.allows(None, f"edgecv-8080={wrong}")
    assert not access.knows(wrong)
    assert not access.allows(None, None)


def test_a_cookie_ends_with_its_run() -> None:
    kept = Access(ANYWHERE, TOKEN).set_cookie().partition(";")[0]
    assert not Access(ANYWHERE, TOKEN).allows(None, kept)


def test_a_token_on_this_machine_is_asked_for_as_well() -> None:
    assert not Access(HERE, TOKEN).allows(None, None)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1:8080", True),
        ("localhost:8080", True),
        ("localhost", True),
        ("[::1]:8080", True),
        ("evil.example:8080", False),
        ("localhost.evil.example", False),
        ("", False),
        (None, False),
    ],
)
def test_a_name_that_was_made_to_mean_this_machine_is_not_served(
    host: str | None, here: bool
) -> None:
    assert Access(HERE, None).asked_for_here(host) == here
    assert Access(ANYWHERE, TOKEN).asked_for_here(host)


def test_the_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert token_of_environment() is None
    monkeypatch.setenv(VARIABLE, "")
    assert token_of_environment() is None
    monkeypatch.setenv(VARIABLE, TOKEN)
    assert token_of_environment() == TOKEN
