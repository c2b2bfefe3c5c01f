"""What describes containers is well formed; that no engine ran it, docs/operations.md says."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import ProcessCollector

from indexer.errors import InputError
from indexer.settings import Settings
from search_api.settings import ServeSettings
from search_api.telemetry.metrics import Metrics
from support.examples import command_at
from support.openapi import OPERATIONS

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
KUBERNETES: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "docs" / "kubernetes.yaml").read_text())
)
WORKERS: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "kubernetes-workers.yaml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
RULES: list[dict[str, Any]] = yaml.safe_load((DOCKER / "prometheus-rules.yml").read_text())[
    "groups"
][0]["rules"]
SETTINGS = {
    cls.model_config["env_prefix"] + name.upper()
    for cls in (Settings, ServeSettings)
    for name in cls.model_fields
}


@pytest.mark.parametrize(
    "command",
    [
        "hadolint docker/Dockerfile",
        "check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yaml",
        "yamllint --strict docker docs/kubernetes.yaml docs/kubernetes-workers.yaml",
        "kubernetes-validate --strict docs/kubernetes.yaml docs/kubernetes-workers.yaml",
    ],
    ids=lambda command: command.split()[0],
)
def test_its_linter_finds_nothing(command: str) -> None:
    tool, *arguments = command.split()

    done = subprocess.run(
        [Path(sys.executable).with_name(tool), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", ["install.sh", "entrypoint.sh"])
def test_a_script_is_one_of_the_plain_shell(script: str) -> None:
    done = subprocess.run(["/bin/sh", "-n", DOCKER / script], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert os.access(DOCKER / script, os.X_OK)


def test_the_image_is_built_by_the_script_that_is_tested() -> None:
    runs = re.findall(r"^RUN (.*)$", DOCKERFILE, re.MULTILINE)

    assert runs[0] == "docker/install.sh"
    assert not any("pip install" in line or "apt" in line for line in runs)
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize(
    "text",
    [
        DOCKERFILE,
        *((DOCKER / name).read_text() for name in ("compose.yaml", "install.sh", "healthcheck.py")),
        *((ROOT / "docs" / name).read_text() for name in ("kubernetes.yaml", "workers.md")),
        (ROOT / "docs" / "kubernetes-workers.yaml").read_text(),
    ],
    ids=["Dockerfile", "compose", "install", "healthcheck", "kubernetes", "workers", "jobs"],
)
def test_settings_that_are_given_exist(text: str) -> None:
    assert set(re.findall(r"\bLOOKALIKE_[A-Z_]*[A-Z]", text)) <= SETTINGS


def test_the_build_sees_what_the_package_is_made_of_and_no_more() -> None:
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    wanted = {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "docker"}

    assert allowed == wanted | {"indexer", "search_api", "migrations"}
    assert all((ROOT / name).exists() for name in allowed)


def test_no_service_of_compose_can_do_more_than_it_must() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["secrets"] == ["postgres_password"], name
    assert COMPOSE["services"]["api"]["ports"] == ["127.0.0.1:8000:8000"]
    assert "ports" not in COMPOSE["services"]["db"]


def pods() -> list[dict[str, Any]]:
    return [
        each["spec"]["template"]["spec"]
        for each in [*KUBERNETES, WORKERS]
        if "template" in each.get("spec", ())
    ]


def test_no_pod_can_do_more_than_it_must() -> None:
    assert len(pods()) == 3
    for pod in pods():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        writable = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert writable == {"/var/lib/lookalike", "/tmp"}  # noqa: S108 -- the pod's own
        assert container["resources"]["limits"]["memory"]


def test_probes_ask_routes_that_exist() -> None:
    container = pods()[1]["containers"][0]
    asked = {
        kind: container[kind]["httpGet"]["path"]
        for kind in ("startupProbe", "readinessProbe", "livenessProbe")
    }

    assert {f"GET {path}" for path in asked.values()} <= set(OPERATIONS)
    assert asked["livenessProbe"] == "/healthz"


def test_the_workers_run_a_command_that_exists_and_give_up_on_its_own_code_alone() -> None:
    spec = WORKERS["spec"]
    [container] = spec["template"]["spec"]["containers"]
    rules = {rule["action"]: rule for rule in spec["podFailurePolicy"]["rules"]}

    command_at(("index", "work")).make_context("work", container["args"][2:])
    assert container["args"][:2] == ["index", "work"]
    assert rules["FailJob"]["onExitCodes"]["containerName"] == container["name"]
    assert rules["FailJob"]["onExitCodes"]["values"] == [InputError.exit_code]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # what such rules ask for


def test_labels_select_what_they_should() -> None:
    kinds = {each["kind"]: each for each in KUBERNETES}
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]

    for selector in (
        kinds["Deployment"]["spec"]["selector"]["matchLabels"],
        kinds["Service"]["spec"]["selector"],
        kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()


def test_alerts_are_complete_and_name_metrics_that_exist() -> None:
    families = {
        family.name + ("_total" if family.type == "counter" else "")
        for collector in Metrics().registry._collector_to_names  # noqa: SLF001 -- no other list
        if not isinstance(collector, ProcessCollector)
        for family in collector.describe()
    }

    for rule in RULES:
        named = re.findall(r"lookalike_\w+", rule["expr"])
        assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in named} <= families
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["expr"].count("(") == rule["expr"].count(")")
