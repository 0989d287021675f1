"""The Kubernetes manifests: valid by the schema of their version, and consistent."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from jmmc.cli import main
from jmmc.server.serve import GRACE
from jmmc.settings import Settings, load_settings
from tests.deploy.files import DEPLOY, documents

VERSION = "1.33"
FOLDER = DEPLOY / "kubernetes"
MANIFESTS = {
    f"{path.name} {document['kind']}": document
    for path in sorted(FOLDER.glob("*.yaml"))
    for document in documents(path)
}
WORKLOADS = ["deployment.yaml Deployment", "statefulset.yaml StatefulSet"]


def _container(workload: str) -> Any:
    (container,) = MANIFESTS[workload]["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_strictly_valid(name: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], VERSION, strict=True)


def test_the_settings_in_the_config_map_are_valid(tmp_path: Any) -> None:
    (tmp_path / "jmmc.toml").write_text(MANIFESTS["config.yaml ConfigMap"]["data"]["jmmc.toml"])
    settings = load_settings(flags={}, environ={}, file=tmp_path / "jmmc.toml")
    for workload in WORKLOADS:
        template = MANIFESTS[workload]["spec"]["template"]
        ports = {port["name"]: port["containerPort"] for port in _container(workload)["ports"]}
        assert ports == {"http": settings.port, "metrics": settings.metrics_port}
        scraped = template["metadata"]["annotations"]["prometheus.io/port"]
        assert scraped == str(settings.metrics_port)


def test_only_named_ports_are_reachable_and_metrics_only_from_monitoring() -> None:
    rules = MANIFESTS["networkpolicy.yaml NetworkPolicy"]["spec"]["ingress"]
    reached = {
        port["port"]: [peer["namespaceSelector"]["matchLabels"] for peer in rule["from"]]
        for rule in rules
        for port in rule["ports"]
    }
    assert reached["metrics"] == [{"kubernetes.io/metadata.name": "monitoring"}]
    assert reached.keys() == {"http", "metrics"}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_container_gets_a_valid_command_and_settings(workload: str) -> None:
    container = _container(workload)
    command, *options = container["args"]
    main.load(command).make_context(command, options)
    environ = {item["name"]: item["value"] for item in container["env"]}
    mounts = {item["name"]: item["mountPath"] for item in container["volumeMounts"]}
    assert environ.pop("CREDENTIALS_DIRECTORY") == mounts["secrets"]
    for name in environ:
        assert name.removeprefix("JMMC_").lower() in Settings.model_fields


def test_the_files_of_the_secret_are_read_as_settings(tmp_path: Path) -> None:
    for name, text in MANIFESTS["secret.example.yaml Secret"]["stringData"].items():
        (tmp_path / name).write_text(text)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    settings = load_settings(flags={}, environ=environ, file=None)
    assert settings.secret == "change-me"
    assert settings.store.startswith("mongodb://")


@pytest.mark.parametrize("workload", WORKLOADS)
def test_labels_ports_and_volumes_of_a_workload_match_its_service(workload: str) -> None:
    spec = MANIFESTS[workload]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    service = MANIFESTS["service.yaml Service"]["spec"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    assert service["selector"].items() <= labels.items()
    ports = {port["name"] for port in _container(workload)["ports"]}
    assert service["ports"][0]["targetPort"] in ports
    mounted = {mount["name"] for mount in _container(workload)["volumeMounts"]}
    volumes = {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
    claims = {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
    assert mounted == volumes | claims
    # Otherwise Kubernetes sets JMMC_PORT=tcp://… for the Service jmmc, an invalid port.
    assert spec["template"]["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_container_has_no_privileges_and_enough_time_to_stop(workload: str) -> None:
    pod = MANIFESTS[workload]["spec"]["template"]["spec"]
    container = _container(workload)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= pause + 2 * GRACE
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    # /readyz waits for the store up to store_timeout.
    assert container["readinessProbe"]["timeoutSeconds"] > Settings().store_timeout
