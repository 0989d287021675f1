"""The commands of the pages for operators, which change a machine: run in a copy of this one.

Every line that a page shows is run there in the order of the page, or `_ELSEWHERE` says why not and
what is checked in its place. The copy has no systemd, no network and no second machine.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import pytest

import jmmc
from bench import hostile
from jmmc.settings import Settings, may_be_in_a_file
from tests.faults import run as faults
from tests.support.machine import run_in_a_copy
from tests.support.paths import ROOT

_DOCS = ROOT / "docs"
_FENCED = re.compile(r"^ *```(?:sh|console)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PAGES = (
    "how-to/deploy.md",
    "how-to/upgrade.md",
    "how-to/monitoring.md",
    "explanation/faults.md",
)
_PACKAGE = "tests/deploy/test_debian_package.py builds, installs, upgrades and removes the package"
_LOCKED = "tests/deploy/test_dockerfile.py installs the same lock and wheel with pip"
_TOOL = "tests/docs/test_packaging.py installs as a tool of uv and runs the command"
_DOCKER = "needs Docker; the files that it names exist, tests/deploy runs the Dockerfile's steps"
_KUBERNETES = "needs a cluster; the manifests exist, tests/deploy validates them by their schemas"
_MONGODB = "needs a replica set of three; tests/stores/mongo/test_hosted.py has users and roles"
_MONGO_TOOLS = "needs the tools of MongoDB, which Debian does not have"
_SECOND_CONSOLE = "hours of load; its options are parsed below, tests/faults runs short rounds"
_ELSEWHERE = {
    "./run deb": _PACKAGE,
    "apt install ./dist/jmmc_*.deb": _PACKAGE,
    "jmmc init --admin ann": _PACKAGE,
    "./run wheel": _TOOL,
    "pipx install": _TOOL,
    "jmmc serve --config jmmc.toml": "the tutorial, the proxies' tests and others run the server",
    "python3 -m venv /opt/jmmc": _LOCKED,
    "/opt/jmmc/bin/pip install": _LOCKED,
    "certbot ": "needs a host name on the internet",
    "docker ": _DOCKER,
    "cd ../docker-jitsi-meet && docker compose up": _DOCKER,
    "kubectl ": _KUBERNETES,
    "JMMC_STORE='mongodb://": _MONGODB,
    "jmmc report --since 24h --store 'mongodb://": _MONGODB,
    "mongodump ": _MONGO_TOOLS,
    "mongorestore ": _MONGO_TOOLS,
    "pip install '.[otel]'": "the tests' environment has it, as locked",
    "jmmc serve --otlp-endpoint": "tests/monitoring runs it with a receiver",
    "./run faults": _SECOND_CONSOLE,
    ".venv/bin/python bench/": _SECOND_CONSOLE,
}
"""Starts of lines that are not run here, and why."""
_FOLDERS = {
    "how-to/monitoring.md": "/opt/source/deploy/prometheus",
}
"""Where a page says in its text that its commands are called."""
_BEFORE = {
    "jmmc init /srv/jmmc": "echo 'a long password' > password-file",
    "runuser -u jmmc -- jmmc report": "as_jmmc jmmc simulate --participants 9"
    " --rooms 2 --minutes 20 --start 2026-11-24T10:00Z --store sqlite:///jmmc.db",
    "runuser -u jmmc -- jmmc user add bob": "echo 'another password' > bobs-password-file",
    "systemctl edit": "drop_in",
    "nginx -t": "certificate",
    "cp deploy/docker-jitsi-meet": "mkdir ../docker-jitsi-meet",
    "systemctl stop jmmc": "backup_unit",
}
"""What somebody has done before a line, beside the page's own commands."""
_STAGE = """
export PYTHONPATH={path} COLUMNS=120 SYSTEMD_OFFLINE=1 JMMC_PASSWORD='a long password'
rm -rf /etc/jmmc /var/lib/jmmc /var/backups/jmmc
chmod a+rx {python}  # Also the service's user runs Python.
mkdir -p /opt/jmmc/bin
/opt/venv/bin/python -m tests.support.warm /opt/jmmc/bin & warm=$!
trap 'kill $warm; wait $warm || :' EXIT
until [ -S /opt/jmmc/bin/warm ]; do sleep 0.05; done
ln -s /opt/jmmc/bin/jmmc /usr/bin/jmmc
as_jmmc() {{ runuser -u jmmc -- "$@" >/dev/null; }}
certificate() {{
    folder=/etc/letsencrypt/live/quality.example.com
    mkdir -p $folder
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=q \\
        -keyout $folder/privkey.pem -out $folder/fullchain.pem 2>/dev/null
}}
backup_unit() {{  # as systemd calls it on a Monday
    sed -n 's/^ExecStart=//p' /etc/systemd/system/jmmc-backup.service >/opt/line
    sed -i 's/\\$\\$(date +%%u)/1/' /opt/line
    (cd /var/lib/jmmc; eval "as_jmmc $(cat /opt/line)")
}}
drop_in() {{  # what the editor saves
    mkdir /etc/systemd/system/jmmc.service.d
    cat >/etc/systemd/system/jmmc.service.d/override.conf <<'END'
{drop_in}END
}}
"""
_RESULT = """
echo RESULT
stat -c '%n %U:%G %a' /etc/jmmc/jmmc.toml /etc/jmmc/secrets/secret /var/lib/jmmc/jmmc.db \\
    /var/backups/jmmc/jmmc-1.db /etc/prometheus/jmmc.token
stat -c '%n %u %a' /opt/source/deploy/compose/jmmc_secret
readlink /etc/systemd/system/multi-user.target.wants/jmmc.service
readlink /etc/systemd/system/timers.target.wants/jmmc-backup.timer
systemd-analyze verify --man=no /etc/systemd/system/jmmc.service
systemd-analyze cat-config systemd/system/jmmc.service | grep -c ^LoadCredential
grep -c https://wiki.example.org /etc/prometheus/alerts.yml
ls /opt/docker-jitsi-meet
"""


def blocks(page: str) -> list[list[str]]:
    """The commands that each block of a page shows, those over several lines as one."""
    text = re.sub(r"\\\n *", "", (_DOCS / page).read_text("utf-8"))
    # Where systemd does not run, it does not do both at once.
    enable = re.compile(r"^systemctl enable --now (.*)", re.MULTILINE)
    text = enable.sub(r"systemctl enable \1\nsystemctl start \1", text)
    shown = [re.sub(r"^ *(\$ )?", "", block, flags=re.MULTILINE) for block in _FENCED.findall(text)]
    return [[line for line in block.splitlines() if line] for block in shown]


def _start(line: str, starts: Mapping[str, str]) -> str:
    return max((start for start in starts if line.startswith(start)), key=len, default="")


def test_the_commands_for_operators_work_in_a_copy_of_this_machine(tmp_path: Path) -> None:
    text = (_DOCS / "how-to/deploy.md").read_text("utf-8")
    (drop_in,) = re.findall(r"^```ini\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    package = Path(jmmc.__file__).parents[1].relative_to(ROOT)
    script = _STAGE.format(
        drop_in=drop_in,
        path=f"/opt/source/{package}:/opt/source",
        python=" ".join(map(str, Path(sys.base_prefix).parents)),
    )
    for page in PAGES:
        for block in blocks(page):
            script += f"(cd {_FOLDERS.get(page, '/opt/source')}\n"
            for line in block:
                if not _start(line, _ELSEWHERE):
                    script += f"{_BEFORE.get(_start(line, _BEFORE), ':')}\n"
                    script += f"echo {shlex.quote('$ ' + line)} >&2\n{line}\n"
            script += ")\n"
    places = {ROOT: "/opt/source", Path(sys.prefix): "/opt/venv"}
    printed = run_in_a_copy(script + _RESULT, tmp_path, places, ["--net"])
    done, result = printed.split("RESULT\n")
    assert " eve   admin" in done
    assert "/var/lib/jmmc/jmmc.db: 9 sessions, 655 samples" in done, "the backup, put back"
    assert re.search(r"^ of these in the target +9 ", done, re.MULTILINE)
    assert result.splitlines() == [
        "/etc/jmmc/jmmc.toml root:jmmc 640",
        "/etc/jmmc/secrets/secret root:root 600",
        "/var/lib/jmmc/jmmc.db jmmc:jmmc 600",
        "/var/backups/jmmc/jmmc-1.db jmmc:jmmc 600",
        "/etc/prometheus/jmmc.token root:prometheus 640",
        "/opt/source/deploy/compose/jmmc_secret 10001 400",
        "/etc/systemd/system/jmmc.service",
        "/etc/systemd/system/jmmc-backup.timer",
        "2",
        "23",
        "docker-compose.override.yml",
        "jmmc.conf",
    ]


def _elsewhere() -> Iterator[tuple[str, str]]:
    """Lines that are not run here, each with the start that says so."""
    for page in PAGES:
        for line in chain.from_iterable(blocks(page)):
            if start := _start(line, _ELSEWHERE):
                yield line, start


def test_every_line_that_is_not_run_here_is_still_shown_and_its_files_exist() -> None:
    assert {start for _, start in _elsewhere()} == set(_ELSEWHERE)
    for line, start in _elsewhere():
        for path in re.findall(r"(?:deploy|requirements|bench)/[\w./-]+", line):
            assert (ROOT / path).is_file(), line
        if start == "kubectl ":
            for name in re.findall(r"--from-literal=jmmc\.(\w+)", line):
                assert may_be_in_a_file(Settings.model_fields[name])
            for name in re.findall(r"deployment/(\w+)", line):
                text = (ROOT / "deploy/kubernetes/deployment.yaml").read_text("utf-8")
                assert f"kind: Deployment\nmetadata:\n  name: {name}\n" in text


@pytest.mark.parametrize(
    ("program", "options"),
    [("./run faults", faults.options), (".venv/bin/python bench/hostile.py", hostile.options)],
)
def test_the_options_of_long_runs_are_known(
    program: str, options: Callable[[], argparse.Namespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [line for line, _ in _elsewhere() if line.startswith(program)]
    assert shown
    for line in shown:
        monkeypatch.setattr(sys, "argv", [program, *shlex.split(line.removeprefix(program))])
        options()
