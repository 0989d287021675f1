"""Settings and the secret, without a process around them."""

from pathlib import Path
from typing import Any

import pytest

from jmmc.accounts.secret import resolve_secret
from jmmc.core.errors import SettingsError
from jmmc.settings import GROUPS, Settings, load_settings


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
def test_the_error_for_an_invalid_value_names_the_setting_in_one_line(
    values: dict[str, Any],
) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.of(**values)
    assert next(iter(values)) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    ["secret", "pseudonym_key", "otlp_headers", "alert_webhooks", "alert_secret", "smtp_url"],
)
def test_the_error_for_an_invalid_secret_does_not_show_it(name: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        Settings.of(**{name: {"hush": "hush"}})
    assert "hush" not in str(refused.value)


def test_the_error_for_an_invalid_file_names_the_file_and_the_nearest_setting(
    tmp_path: Path,
) -> None:
    file = tmp_path / "jmmc.toml"
    file.write_text("port = = 1")
    with pytest.raises(SettingsError, match=r"jmmc\.toml: not valid TOML"):
        load_settings(flags={}, environ={}, file=file)
    file.write_text("prot = 1")
    with pytest.raises(
        SettingsError, match=r"jmmc\.toml: unknown setting 'prot'; did you mean port"
    ):
        load_settings(flags={}, environ={}, file=file)


def test_the_password_that_commands_take_from_the_environment_may_be_exported_to_all() -> None:
    load_settings(flags={}, environ={"JMMC_PASSWORD": "x"}, file=None)
    with pytest.raises(SettingsError, match="JMMC_PASWORD: unknown setting"):
        load_settings(flags={}, environ={"JMMC_PASWORD": "x"}, file=None)


@pytest.mark.parametrize("pseudonyms", ["uid", "conf", "both"])
def test_no_name_is_stored_beside_a_pseudonym(pseudonyms: str) -> None:
    with pytest.raises(SettingsError, match=f"identify.*none while pseudonyms = {pseudonyms}"):
        Settings.of(identify="display_name", pseudonyms=pseudonyms)
    assert Settings.of(identify="none", pseudonyms=pseudonyms).identify == "none"
    assert Settings.of(identify="display_name").identify == "display_name"


def test_settings_are_frozen() -> None:
    with pytest.raises(Exception, match="frozen"):
        Settings().port = 5  # type: ignore[misc]


def test_settings_are_those_of_the_groups_in_the_order_of_the_groups() -> None:
    assert list(Settings.model_fields) == [name for group in GROUPS for name in group.model_fields]


def test_a_secret_is_generated_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = Settings.of(store=f"sqlite:///{tmp_path}/calls.db")
    generated = resolve_secret(settings)
    assert len(generated) >= 40
    assert resolve_secret(settings) == generated
    file = tmp_path / "calls.db.secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_the_secret_of_the_settings_is_used_and_not_written_to_a_file(tmp_path: Path) -> None:
    settings = Settings.of(store=f"sqlite:///{tmp_path}/calls.db", secret="mine")
    assert resolve_secret(settings) == "mine"
    assert list(tmp_path.iterdir()) == []


def test_a_secret_file_that_cannot_be_written_or_is_empty_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot keep one"):
        resolve_secret(Settings.of(store=f"sqlite:///{tmp_path}/no/calls.db"))
    (tmp_path / "calls.db.secret").touch()
    with pytest.raises(SettingsError, match="is empty"):
        resolve_secret(Settings.of(store=f"sqlite:///{tmp_path}/calls.db"))
