"""Asks for advisories against the locked versions; fails when there is one.

A registry that cannot be asked, or knows no advisories, is said and is no failure: the tests of a
machine without network are as good as before.
"""

import json
import subprocess
import sys
from pathlib import Path

_LOCK = Path(__file__).parent / "serve.txt"


def main() -> int:
    """Print one line a finding, or why there can be none; the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(_LOCK), "--require-hashes"]
    command += ["--no-deps", "--disable-pip", "--progress-spinner=off", "--timeout=10"]
    done = subprocess.run([*command, "--format=json"], capture_output=True, text=True)  # noqa: S603
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        why = (done.stderr.strip().splitlines() or ["no answer"])[-1][:100]
        print(f"advisories: not looked up, the service cannot be reached ({why})")
        return 0
    known = [it for it in packages if "skip_reason" not in it]
    found = [(it, one) for it in known for one in it["vulns"]]
    for it, one in found:
        fixed = ", ".join(one["fix_versions"]) or "no version yet"
        print(f"advisories: {it['name']} {it['version']}: {one['id']}, fixed in {fixed}")
    if not known:
        print(f"advisories: not looked up, this registry has none ({len(packages)} packages)")
    elif not found:
        print(f"advisories: none for {len(known)} of {len(packages)} packages")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
