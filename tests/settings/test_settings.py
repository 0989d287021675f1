"""Settings and the secret, without a process around them."""

from pathlib import Path
from typing import Any

import pytest

from jmmc.accounts.secret import resolve_secret
from jmmc.core.errors import SettingsError
from jmmc.settings import Settings, load_settings


@pytest.mark.parametrize(
    "values",
    [
        {"port": 70_000},
        {"port": "many"},
        {"sample_ratio": 1.5},
        {"max_body": 10},
        {"queue_limit": 0},
        {"log_level": "loud"},
        {"allowed_origins": "meet.example.org"},
        {"allowed_origins": "https://meet.example.org/path"},
        {"push_url": "javascript:alert(1)"},
        {"push_url": "a b"},
        {"prefix": ""},
        {"prefix": "/a//b"},
        {"trusted_proxies": ["10.0.0.1/8"]},
        {"unknown": 1},
    ],
)
def test_a_value_that_is_not_allowed_is_named(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.of(**values)
    assert next(iter(values)) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_bad_secret_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.of(secret=["hush"])
    assert "hush" not in str(refused.value)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "jmmc.toml"
    file.write_text("port = = 1")
    with pytest.raises(SettingsError, match="not TOML"):
        load_settings(flags={}, environ={}, file=file)
    file.write_text("prot = 1")
    with pytest.raises(SettingsError, match="did you mean port"):
        load_settings(flags={}, environ={}, file=file)


def test_settings_do_not_change() -> None:
    with pytest.raises(Exception, match="frozen"):
        Settings().port = 5  # type: ignore[misc]


def test_a_secret_is_made_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings.of(store=f"sqlite:///{tmp_path}/calls.db")
    made = resolve_secret(settings)
    assert len(made) >= 40
    assert resolve_secret(settings) == made
    kept = tmp_path / "calls.db.secret"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [kept]


def test_the_operators_secret_is_used_and_not_kept(tmp_path: Path) -> None:
    settings = Settings.of(store=f"sqlite:///{tmp_path}/calls.db", secret="mine")
    assert resolve_secret(settings) == "mine"
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_cannot_be_kept_or_is_empty_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot keep one"):
        resolve_secret(Settings.of(store=f"sqlite:///{tmp_path}/no/calls.db"))
    (tmp_path / "calls.db.secret").touch()
    with pytest.raises(SettingsError, match="is empty"):
        resolve_secret(Settings.of(store=f"sqlite:///{tmp_path}/calls.db"))
