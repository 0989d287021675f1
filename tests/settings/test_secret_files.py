"""Secrets from files: of containers, of systemd, and by path, as commands and servers read them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from jmmc.core.errors import SettingsError
from jmmc.settings import FILE_SUFFIX, Settings, load_settings, may_be_in_a_file
from tests.support.commands import jmmc, jmmc_without_privileges
from tests.support.servers import Serve

_SECRETS = {
    "secret": "hush hush",
    "pseudonym_key": "hush",
    "alert_secret": "whsec_aHVzaA==",
    "otlp_headers": "authorization=Bearer hush",
    "store": "mongodb://ann:hush@db.example.org/jmmc",
    "smtp_url": "smtps://ann:hush@mail.example.org",
    "alert_webhooks": "https://a.example.org/hush,https://b.example.org/hush",
}


def _load(
    environ: Mapping[str, str] | None = None, file: Path | None = None, **flags: object
) -> Settings:
    return load_settings(flags=flags, environ=environ or {}, file=file)


def _written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_every_hidden_setting_and_the_store_may_be_in_a_file() -> None:
    capable = {name for name, field in Settings.model_fields.items() if may_be_in_a_file(field)}
    assert capable >= _SECRETS.keys()


@pytest.mark.parametrize("name", _SECRETS)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_is_read_from_a_file_wherever_that_is_named(
    tmp_path: Path, name: str, end: str
) -> None:
    secret = _SECRETS[name]
    path = _written(tmp_path / "held", secret + end)
    folder = tmp_path / "credentials"
    folder.mkdir()
    _written(folder / f"jmmc.{name}", secret + end)
    toml = tmp_path / "jmmc.toml"
    toml.write_text(f'{name}_file = "{path}"\n')
    expected = getattr(Settings.of(**{name: secret}), name)
    for settings in (
        _load({f"JMMC_{name.upper()}_FILE": path}),
        _load(file=toml),
        _load(**{name + FILE_SUFFIX: path}),
        _load({"CREDENTIALS_DIRECTORY": str(folder)}),
    ):
        assert getattr(settings, name) == expected


def test_a_list_in_a_file_may_have_a_line_for_each_value(tmp_path: Path) -> None:
    path = _written(tmp_path / "urls", "https://a.example.org/1\nhttps://b.example.org/2\n")
    urls = _load(alert_webhooks_file=path).alert_webhooks
    assert urls == ("https://a.example.org/1", "https://b.example.org/2")


def test_spaces_and_inner_newlines_of_a_secret_are_kept(tmp_path: Path) -> None:
    path = _written(tmp_path / "held", " a\nb \n")
    assert _load(secret_file=path).secret == " a\nb "


def test_a_flag_beats_the_environment_which_beats_the_file_however_each_gives_it(
    tmp_path: Path,
) -> None:
    toml = tmp_path / "jmmc.toml"
    toml.write_text(f'secret_file = "{tmp_path}/not-there"\n')
    environ = {"JMMC_SECRET_FILE": _written(tmp_path / "environment", "environment")}
    assert _load(environ, toml).secret == "environment"
    assert _load(environ, toml, secret="flag").secret == "flag"
    held = _written(tmp_path / "flag", "held")
    assert _load({"JMMC_SECRET": "environment"}, toml, secret_file=held).secret == "held"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot read .*: No such file or directory; give a file that this user may read"),
        (b"", "is empty; write the secret into it"),
        (b" \n\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"a\0b", "contains a NUL character"),
        (b"a" * 70_000, "is larger than 65536 bytes"),
    ],
    ids=["missing", "empty", "blank", "binary", "NUL", "too large"],
)
def test_a_file_without_a_usable_secret_is_an_error_of_one_line_that_names_it(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "held"
    if content is not None:
        path.write_bytes(content)
    done = jmmc("settings", folder=tmp_path, JMMC_SECRET_FILE=str(path))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("jmmc: JMMC_SECRET_FILE: ")
    assert str(path) in done.stderr
    with pytest.raises(SettingsError, match=expected):
        _load({"JMMC_SECRET_FILE": str(path)})


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(SettingsError, match="is not a regular file"):
            _load(secret_file=str(path))
    for nothing in ("", 5, True):
        with pytest.raises(SettingsError, match="secret_file: expected the path of a file"):
            _load(secret_file=nothing)


def test_a_file_of_another_user_is_an_error_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "held"
    path.write_text("hush")
    path.chmod(0)
    command = ["settings", "--secret-file", str(path)]
    (done,) = jmmc_without_privileges(command, folder=tmp_path)
    assert done.returncode == 2
    assert "Permission denied; give a file that this user may" in done.stderr


def test_a_secret_that_one_place_gives_twice_is_an_error(tmp_path: Path) -> None:
    path = _written(tmp_path / "held", "hush")
    toml = tmp_path / "jmmc.toml"
    toml.write_text(f'secret = "hush"\nsecret_file = "{path}"\n')
    _written(tmp_path / "jmmc.secret", "hush")
    credentials = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    for load, names in (
        (lambda: _load({"JMMC_SECRET": "hush", "JMMC_SECRET_FILE": path}), "JMMC_SECRET and JMMC_"),
        (lambda: _load(secret="hush", secret_file=path), "secret and secret_file"),
        (lambda: _load(file=toml), rf"secret in {toml} and secret_file in {toml}"),
        (lambda: _load({"JMMC_SECRET": "hush", **credentials}), "and credential jmmc.secret"),
    ):
        with pytest.raises(SettingsError, match=names) as refused:
            load()
        assert "are both given; leave out one of them" in str(refused.value)
        assert "hush" not in str(refused.value)


def test_an_invalid_secret_from_a_file_is_not_shown(tmp_path: Path) -> None:
    path = _written(tmp_path / "held", "mongo://ann:hush@db")
    done = jmmc("settings", folder=tmp_path, JMMC_STORE_FILE=path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"jmmc: JMMC_STORE_FILE ({path}): expected sqlite:///")
    assert "hush" not in done.stderr


def test_what_is_no_secret_has_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'port_file'; port is no secret: give its value"):
        _load({"JMMC_PORT_FILE": "x"})
    with pytest.raises(SettingsError, match="did you mean secret_file"):
        _load(secrt_file="x")


def test_jmmc_settings_shows_where_a_secret_came_from_and_not_what_it_is(tmp_path: Path) -> None:
    environ = {}
    for name, secret in _SECRETS.items():
        path = _written(tmp_path / name, secret)
        environ[f"JMMC_{name.upper()}_FILE"] = path
    folder = tmp_path / "credentials"
    folder.mkdir()
    del environ["JMMC_SECRET_FILE"]
    _written(folder / "jmmc.secret", "hush")
    environ["CREDENTIALS_DIRECTORY"] = str(folder)
    done = jmmc("settings", folder=tmp_path, **{**environ, "COLUMNS": "2000"})
    assert done.returncode == 0, done.stderr
    assert "hush" not in done.stdout
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert f"JMMC_PSEUDONYM_KEY_FILE ({tmp_path}/pseudonym_key)" in rows["pseudonym_key"]
    assert f"credential jmmc.secret ({folder}/jmmc.secret)" in rows["secret"]
    assert "mongodb://ann:***@db.example.org/jmmc" in rows["store"]
    done = jmmc("settings", "--json", folder=tmp_path, **environ)
    assert "hush" not in done.stdout
    assert json.loads(done.stdout)["alert_secret"] == "(set)"


def test_commands_on_a_store_read_its_url_from_a_file_too(tmp_path: Path) -> None:
    serve = Serve(tmp_path)
    try:
        path = _written(tmp_path / "url", serve.store + "\n")
        for environ in (
            {"JMMC_STORE_FILE": path},
            {"CREDENTIALS_DIRECTORY": str(tmp_path)},
        ):
            _written(tmp_path / "jmmc.store", serve.store)
            done = jmmc("sessions", folder=tmp_path, **environ)
            assert done.returncode == 0, done.stderr
        done = jmmc("sessions", folder=tmp_path, JMMC_STORE_FILE="/not/there")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "JMMC_STORE_FILE: cannot read /not/there" in done.stderr
    finally:
        serve.close()


def test_a_running_server_reads_its_secrets_again_on_sighup(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("first\n")
    serve = Serve(tmp_path, environ={"JMMC_ALERT_SECRET_FILE": str(path)})
    try:
        assert serve.process is not None
        for content, event in (("second\n", "settings_reloaded"), ("", "settings_refused")):
            path.write_text(content)
            serve.hang_up(event)
        lines = serve.log.read_text().splitlines()
        (reloaded,) = (line for line in lines if "settings_reloaded" in line)
        (refused,) = (line for line in lines if "settings_refused" in line)
        assert "changed=alert_secret" in reloaded
        assert f"JMMC_ALERT_SECRET_FILE: {path} is empty" in refused
        assert "second" not in serve.log.read_text()
    finally:
        assert serve.stop() == 0
