"""What deploy/ has is well-formed, and names metrics and commands that exist. Alerts fire when they should."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import compose_spec
import pytest
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase
from typer.testing import CliRunner

from app import cli
from app.core import metrics
from app.domain.sweep_report import Category
from app.domain.video_status import VideoEvent, VideoStatus
from tests.engines.slipway import SLIPWAY

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "slipway.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "slipway.json"
VALUES = {
    "status": {status.value for status in VideoStatus},
    "event": {event.value for event in VideoEvent},
    "category": {category.value for category in Category},
}
"""Values of labels that the code lists."""


def series() -> set[str]:
    """Return every name that a scrape contains."""
    found: set[str] = set()
    for metric in vars(metrics).values():
        match metric:
            case Counter():
                found.add(f"{metric._name}_total")
            case Histogram():
                found |= {f"{metric._name}_{part}" for part in ("bucket", "count", "sum")}
            case MetricWrapperBase():
                found.add(metric._name)
    return found


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    of_dashboard = [target["expr"] for panel in panels for target in panel["targets"]]
    _, *alerts = re.split(r"- alert:", RULES.read_text())
    of_rules = [
        found[1] for alert in alerts if (found := re.search(r"expr:(.*?)\n        (?! )", alert, re.DOTALL))
    ]
    assert len(of_rules) == len(alerts)
    return of_dashboard + of_rules


@pytest.mark.parametrize("expression", expressions())
def test_names_metrics_that_exist(expression: str) -> None:
    named = set(re.findall(r"slipway_\w+", expression))

    assert named or "up{" in expression
    assert named <= series()


@pytest.mark.parametrize("expression", expressions())
def test_names_labels_and_values_that_exist(expression: str) -> None:
    labels = {label for metric in vars(metrics).values() for label in getattr(metric, "_labelnames", ())}

    for label, values in re.findall(r"(\w+)[!=]=?~?\"([^\"]*)\"", expression):
        assert label in labels | {"job"}
        if label in VALUES and "http_requests" not in expression:
            assert set(values.split("|")) <= VALUES[label]
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        assert set(grouped.split(", ")) <= labels | {"le"}


def test_what_alarms_compare_exists_from_the_start() -> None:
    """Prometheus sees no increase in a series that begins at 1, and no age in one that is 0 or not there."""
    command = "import app.core.metrics, prometheus_client as p; print(p.generate_latest().decode())"
    shown = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True, text=True).stdout
    compared = re.findall(r"increase\((\w+)(\{[^}]*\})?", RULES.read_text())

    assert len(compared) == 3
    assert float(re.findall(r"^slipway_counted_timestamp_seconds (\S+)$", shown, re.MULTILINE)[0]) > 0
    for name, labels in compared:
        values = re.findall(rf"^{name}{re.escape(labels)}\S* (\S+)$", shown, re.MULTILINE)
        assert values, name
        assert set(values) == {"0.0"}


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + line)
            for column in range(place["w"])
            for line in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(column for column, _ in cells) < 24
        taken |= cells


# --- with promtool ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def promtool() -> str:
    return program("promtool")


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no {name} found; `make tools` gets it")
        pytest.skip(f"no {name} found; `make tools` gets it")
    return found


def run(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, check=False, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_promtool_accepts_the_rules(promtool: str) -> None:
    run([promtool, "check", "rules", str(RULES)])


def test_promtool_accepts_the_example(promtool: str, tmp_path: Path) -> None:
    for file in RULES.parent.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "metrics-token").touch()

    run([promtool, "check", "config", str(tmp_path / "prometheus.yml")])


FIRES: dict[str, tuple[dict[str, str], str, str]] = {
    "fresh start": (
        {
            "slipway_sweep_last_success_timestamp_seconds": "0x60",
            "slipway_sweep_interval_seconds": "300x60",
            "slipway_counted_timestamp_seconds": "0+60x60",
        },
        "30m",
        "",
    ),
    "the database can't be counted": (
        {"slipway_counted_timestamp_seconds": "60x90"},
        "40m",
        "SlipwayNotCounted",
    ),
    "the first reader of a process crashes": (
        {'slipway_probes_total{outcome="ready_crashed"}': "0x3 1x10"},
        "10m",
        "SlipwayProbesCrash",
    ),
    "no sweep since the start": (
        {
            "slipway_sweep_last_success_timestamp_seconds": "0x90",
            "slipway_sweep_interval_seconds": "300x90",
        },
        "80m",
        "SlipwaySweepIsOld",
    ),
    "no sweep by an older version": (
        {"slipway_sweep_last_success_timestamp_seconds": "0x90"},
        "80m",
        "SlipwaySweepIsOld",
    ),
    "sweeps are seldom": (
        {
            "slipway_sweep_last_success_timestamp_seconds": "0x90",
            "slipway_sweep_interval_seconds": "7200x90",
        },
        "80m",
        "",
    ),
    "the scanner lets each scan run out of time": (
        {'slipway_scan_seconds_count{outcome="unavailable"}': "0x5 1x11 2x11"},
        "16m",
        "SlipwayScannerUnavailable",
    ),
    "one of two apps swept": (
        {
            'slipway_sweep_last_success_timestamp_seconds{instance="a"}': "0x90",
            'slipway_sweep_last_success_timestamp_seconds{instance="b"}': "0+60x90",
            "slipway_sweep_interval_seconds": "300x90",
        },
        "80m",
        "",
    ),
    "a video waits": (
        {'slipway_oldest_due_seconds{status="processing"}': "0+60x40"},
        "30m",
        "SlipwayWorkWaits",
    ),
    "a failed video has nothing due": (
        {'slipway_oldest_due_seconds{status="failed"}': "0+60x40"},
        "30m",
        "",
    ),
    "the store fails": (
        {
            'slipway_storage_call_seconds_count{outcome="error"}': "0+60x40",
            'slipway_storage_call_seconds_count{outcome="ok"}': "0+60x40",
        },
        "30m",
        "SlipwayStorageFails",
    ),
    "objects are not there, as expected": (
        {
            'slipway_storage_call_seconds_count{outcome="answered"}': "0+60x40",
            'slipway_storage_call_seconds_count{outcome="ok"}': "0+60x40",
        },
        "30m",
        "",
    ),
    "two sweeps miss an object": (
        {'slipway_sweep_oldest_seconds{category="missing_objects"}': "0x4 300x4 0x10"},
        "6m",
        "SlipwayObjectsLost",
    ),
    "one sweep misses an object": (
        {
            'slipway_sweep_found{category="missing_objects"}': "1x20",
            'slipway_sweep_oldest_seconds{category="missing_objects"}': "0x20",
        },
        "15m",
        "",
    ),
    "a worker is away": ({'up{job="slipway", instance="w"}': "0x20"}, "10m", "SlipwayDown"),
}
"""Series from minute to minute, a time, and the alert that fires then, if any."""


@pytest.mark.parametrize("name", FIRES)
def test_alert_fires_when_it_should(promtool: str, tmp_path: Path, name: str) -> None:
    given, at, alert = FIRES[name]
    names = re.findall(r"- alert: (\w+)", RULES.read_text())
    file = tmp_path / "test.yml"
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": one, "values": values} for one, values in given.items()],
        "promql_expr_test": [
            {
                "expr": f'count by (alertname) (ALERTS{{alertname="{each}", alertstate="firing"}})',
                "eval_time": at,
                "exp_samples": [{"labels": f'{{alertname="{each}"}}', "value": 1}] if each == alert else [],
            }
            for each in names
        ],
    }
    # JSON is YAML.
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))

    assert not alert or alert in names
    run([promtool, "test", "rules", str(file)])


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The units of systemd, with this environment's program."""
    program("systemd-analyze")
    folder = tmp_path_factory.mktemp("units")
    made = []
    for unit in sorted((DEPLOY / "systemd").iterdir()):
        text = unit.read_text()
        assert "/opt/slipway/bin/slipway" in text
        made.append(folder / unit.name.replace("@.", "@9100."))
        made[-1].write_text(text.replace("/opt/slipway/bin/slipway", SLIPWAY[0]))
    return made


def test_systemd_understands_every_line_of_the_units(units: list[Path]) -> None:
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, check=False, text=True
    )

    # It also speaks of this machine's own units.
    assert [line for line in checked.stderr.splitlines() if "slipway" in line] == []
    assert checked.returncode == 0, checked.stderr


def test_systemd_calls_the_units_hardened(units: list[Path]) -> None:
    for unit in units:
        # An exposure of 2.0 of 10. A service without these lines has 9.6.
        run(["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", str(unit)])


def test_hadolint_accepts_the_containerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")

    run([str(hadolint), str(DEPLOY / "container" / "Containerfile")])


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    text = (DEPLOY / "container" / "compose.yaml").read_text()
    compose = compose_spec.PyOptions(apply_merge=True).from_yaml(text)
    compose.validate()
    found: dict[str, Any] = compose.to_dict()["services"]
    return found


def test_containers_are_hardened(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["stop_grace_period"] == "1m"
        assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid", "user"}


def test_containers_run_commands_that_exist(services: dict[str, Any]) -> None:
    commands = [service.get("command", ["serve"]) for service in services.values()]

    assert ["db", "upgrade"] in commands
    for command in commands:
        assert CliRunner().invoke(cli.app, [*command, "--help"]).exit_code == 0
