"""The pages on which admins manage users and everybody sets the own password, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from jmmc.accounts.users import LONGEST_NAME, SHORTEST
from jmmc.settings import Settings
from jmmc.web.dashboard.i18n import words
from jmmc.web.dashboard.user_texts import DONE, FIRST_IS_ADMIN, PROBLEMS
from jmmc.web.site import create_app
from tests.support.npm import installed
from tests.support.servers import serving

_ANN, _BOB = ("Ann", "correct horse"), ("Bob <b>", "battery staple")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[str]:
    """The URL of a server without users."""
    settings = Settings.of(store=f"sqlite:///{tmp_path}/a", max_queries_per_minute=0)
    with serving(create_app(settings)) as url:
        yield url


def _sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def _check(page: Page) -> None:
    """The page is accessible in light and dark, and fits on a phone."""
    page.evaluate((installed("axe-core") / "axe.min.js").read_text())
    for scheme, more in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        options = {"resultTypes": ["violations"], "preload": False, **more}
        found = page.evaluate("(options) => axe.run(options)", options)
        assert [violation["id"] for violation in found["violations"]] == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1440, "height": 800})


def test_an_admin_manages_users_and_a_user_the_own_password(browser: Browser, root: str) -> None:
    ann = browser.new_context(locale="en-GB").new_page()
    bob = browser.new_context(locale="en-GB").new_page()
    ann.goto(f"{root}/users")
    ann.get_by_label("Name").fill(_ANN[0])
    ann.get_by_label("Password").fill(_ANN[1])
    ann.get_by_role("button", name="Add").click()
    _sign_in(ann, *_ANN)
    ann.get_by_label("Name").fill(_BOB[0])
    ann.get_by_label("Password").fill(_BOB[1])
    ann.get_by_role("button", name="Add").click()
    expect(ann.get_by_role("status")).to_have_text("The user was added.")
    expect(ann.locator("tbody tr")).to_have_text(
        ["Ann (you)admin\nChange", "Bob <b>viewer\nChange"]
    )
    _check(ann)

    bob.goto(f"{root}/account")
    _sign_in(bob, *_BOB)
    expect(bob.get_by_role("link", name="Users")).to_have_count(0)
    _check(bob)
    for label, text in (("Current password", _BOB[1]), ("New password", "paper clip 1")):
        bob.get_by_label(label, exact=True).fill(text)
    bob.get_by_label("New password again").fill("paper clip 1")
    bob.get_by_role("button", name="Set the password").click()
    expect(bob.get_by_role("status")).to_contain_text("Your password was changed")
    assert bob.goto(f"{root}/users").status == 403  # type: ignore[union-attr]

    ann.get_by_role("link", name="Change Bob <b>").click()
    _check(ann)
    ann.get_by_label("New password").fill("rubber duck 2")
    ann.get_by_role("button", name="Set the password").click()
    expect(ann.get_by_role("status")).to_contain_text("The password was changed")
    bob.goto(f"{root}/account")
    _sign_in(bob, _BOB[0], "rubber duck 2")
    expect(bob.get_by_role("heading", name="Your account")).to_be_visible()

    ann.get_by_role("link", name="Change Ann").click()
    expect(ann.get_by_text("This is the last admin.")).to_be_visible()
    ann.get_by_label("Role").select_option("viewer")
    ann.get_by_role("button", name="Set the role").click()
    expect(ann.get_by_role("alert")).to_contain_text("This is the last admin.")
    ann.goto(f"{root}/users?name=Bob+%3Cb%3E")
    ann.get_by_text("Remove this user").click()
    ann.get_by_role("button", name="Remove Bob <b>").click()
    expect(ann.locator("tbody tr")).to_have_count(1)
    bob.goto(f"{root}/account")
    assert "/login" in bob.url
    for page in (ann, bob):
        page.context.close()


def test_every_text_about_users_is_translated_and_names_the_limits() -> None:
    assert {*PROBLEMS.values(), *DONE.values(), FIRST_IS_ADMIN} <= words("fr").keys()
    assert f" {SHORTEST} " in PROBLEMS["short"]
    assert f" {LONGEST_NAME} " in PROBLEMS["name"]
