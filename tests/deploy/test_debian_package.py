"""The Debian package: built by debhelper, and installed, upgraded, removed and purged by dpkg.

This happens in a copy of this machine, so that the real dpkg, its database and the maintainer
scripts are used. systemd does not run there: units are enabled, and the service is started by hand.
The package of the test is without the extras, to be quicker; that of `./run deb` has them.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.machine import run_in_a_copy
from tests.support.paths import ROOT
from tests.support.servers import free_port

# Prints one line for each thing that the test compares.
_LIFE = """
unset PYTHONPATH
rm -rf /etc/jmmc /var/lib/jmmc /var/backups/jmmc
quietly() { "$@" >/log 2>&1 || { cat /log >&2; exit 1; }; }
owner() { stat -c "$1: %U:%G %a" "$1"; }
there() { for path; do [ ! -e "$path" ] || echo "$state: $path"; done; }
everything='/opt/jmmc /usr/bin/jmmc /etc/jmmc /var/lib/jmmc/jmmc.db'
install() { quietly dpkg --force-unsafe-io -i /jmmc.deb </dev/null; }

install
owner /var/lib/jmmc
owner /etc/jmmc/jmmc.toml
for unit in multi-user.target.wants/jmmc.service timers.target.wants/jmmc-backup.timer; do
    readlink -e "/etc/systemd/system/$unit" | sed 's|^/usr||'
done
JMMC_PASSWORD='long enough it is' quietly jmmc init --admin ann --retention-days 7
owner /etc/jmmc/jmmc.toml
owner /var/lib/jmmc/jmmc.db

cd /var/lib/jmmc
setpriv --reuid=jmmc --regid=jmmc --clear-groups \
    jmmc serve --config /etc/jmmc/jmmc.toml --port "$PORT" >/log 2>&1 &
server=$!
tries=0
until /opt/jmmc/bin/python -c "import urllib.request as u
print('ready:', u.urlopen('http://127.0.0.1:$PORT/readyz', timeout=5).status)" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] && kill -0 $server || { cat /log >&2; exit 1; }
    sleep 0.1
done
kill $server
wait $server && echo stopped
cd /

install
grep ^retention_days /etc/jmmc/jmmc.toml
state=removed; quietly dpkg -r jmmc; there $everything
state=purged; quietly dpkg -P jmmc; there $everything
install
echo 'jmmc jmmc/remove-data boolean true' | debconf-set-selections
state='purged with data'; quietly dpkg -P jmmc; there $everything /var/lib/jmmc /var/backups/jmmc
"""


def _without_extras() -> str:
    """The lock of the server without what only extras need."""
    locked = (ROOT / "requirements" / "serve.txt").read_text()
    blocks = dict(re.findall(r"^([a-z0-9-]+)(==(?:.+\n)(?:[ #].*\n)*)", locked, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    kept = {re.split(r"[>=; ]", text)[0] for text in project["dependencies"]}
    while (
        more := {
            name
            for name, block in blocks.items()
            if kept & set(re.findall(r"#(?: via)? +([a-z0-9-]+)", block))
        }
        - kept
    ):
        kept |= more
    return "".join(name + block for name, block in blocks.items() if name in kept)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    wheel = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    subprocess.run(wheel, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (folder / "lock.txt").write_text(_without_extras())
    uv = Path(sys.executable).with_name("uv")
    environ = {**os.environ, "LOCK": str(folder / "lock.txt"), "UV": str(uv)}
    build = ["sh", str(ROOT / "deploy/debian/build"), *map(str, folder.glob("*.whl")), str(folder)]
    done = subprocess.run(build, env=environ, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.deb")
    return built


def test_the_package_needs_the_python_that_it_was_built_with(package: Path) -> None:
    """What is compiled for one minor version cannot be loaded by another."""
    shown = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True, text=True)
    printed = "import sys; print(*sys.version_info[:2])"
    version = subprocess.run(["/usr/bin/python3", "-c", printed], capture_output=True, text=True)
    major, minor = map(int, version.stdout.split())
    assert f"python3 (>= {major}.{minor}), python3 (<< {major}.{minor + 1}~)" in shown.stdout


def test_an_upgrade_never_asks_about_the_configuration(package: Path) -> None:
    """dpkg asks about changed conffiles, and without a terminal fails; `jmmc init` changes it."""
    listed = subprocess.run(["dpkg-deb", "-I", package], capture_output=True, text=True)
    assert "postinst" in listed.stdout
    assert "conffiles" not in listed.stdout


def test_the_package_is_installed_configured_upgraded_removed_and_purged(
    package: Path, tmp_path: Path
) -> None:
    printed = run_in_a_copy(_LIFE, tmp_path, {package: "/jmmc.deb"}, PORT=str(free_port()))
    assert printed.splitlines() == [
        "/var/lib/jmmc: jmmc:jmmc 700",
        "/etc/jmmc/jmmc.toml: root:root 644",
        "/lib/systemd/system/jmmc.service",
        "/lib/systemd/system/jmmc-backup.timer",
        "/etc/jmmc/jmmc.toml: root:jmmc 640",
        "/var/lib/jmmc/jmmc.db: jmmc:jmmc 600",
        "ready: 200",
        "stopped",
        "retention_days = 7",
        "removed: /etc/jmmc",
        "removed: /var/lib/jmmc/jmmc.db",
        "purged: /var/lib/jmmc/jmmc.db",
    ]
