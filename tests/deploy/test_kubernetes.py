"""The manifests: valid by the schema of their version, and in agreement with one another."""

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
def test_a_manifest_is_valid_to_the_letter(name: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], VERSION, strict=True)


def test_the_settings_in_the_config_map_are_allowed(tmp_path: Any) -> None:
    (tmp_path / "jmmc.toml").write_text(MANIFESTS["config.yaml ConfigMap"]["data"]["jmmc.toml"])
    settings = load_settings(flags={}, environ={}, file=tmp_path / "jmmc.toml")
    for workload in WORKLOADS:
        template = MANIFESTS[workload]["spec"]["template"]
        ports = {item["name"]: item["containerPort"] for item in _container(workload)["ports"]}
        assert ports == {"http": settings.port, "metrics": settings.metrics_port}
        scraped = template["metadata"]["annotations"]["prometheus.io/port"]
        assert scraped == str(settings.metrics_port)


def test_only_named_ports_are_reachable_and_the_open_one_from_monitoring_alone() -> None:
    rules = MANIFESTS["networkpolicy.yaml NetworkPolicy"]["spec"]["ingress"]
    reached = {
        port["port"]: [item["namespaceSelector"]["matchLabels"] for item in rule["from"]]
        for rule in rules
        for port in rule["ports"]
    }
    assert reached["metrics"] == [{"kubernetes.io/metadata.name": "monitoring"}]
    assert reached.keys() == {"http", "metrics"}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_what_the_container_is_given_are_settings_and_a_command(workload: str) -> None:
    container = _container(workload)
    command, *options = container["args"]
    main.commands[command].make_context(command, options)
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
def test_the_names_of_a_workload_and_its_service_fit_together(workload: str) -> None:
    spec = MANIFESTS[workload]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    service = MANIFESTS["service.yaml Service"]["spec"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    assert service["selector"].items() <= labels.items()
    ports = {item["name"] for item in _container(workload)["ports"]}
    assert service["ports"][0]["targetPort"] in ports
    mounted = {item["name"] for item in _container(workload)["volumeMounts"]}
    volumes = {item["name"] for item in spec["template"]["spec"]["volumes"]}
    claims = {
        volumeclaimtemplate["metadata"]["name"]
        for volumeclaimtemplate in spec.get("volumeClaimTemplates", [])
    }
    assert mounted == volumes | claims
    # Else Kubernetes sets JMMC_PORT=tcp://… for the Service jmmc, which is no port.
    assert spec["template"]["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_container_may_do_nothing_but_its_work_and_has_time_to_end(workload: str) -> None:
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
    # A readiness probe waits for the store at least as long as the store may take.
    assert container["readinessProbe"]["timeoutSeconds"] > Settings().store_timeout
