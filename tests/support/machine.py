"""Runs a script as root in a copy of this machine's file system, which forgets what it changes.

The copy is an overlay in memory, in namespaces of its own: the programs, dpkg and its database are
the real ones. systemd does not run there: `systemctl` enables units, and says of a start that it
ignores it. There is no network.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]

# Mounts end with the namespace. Arguments: a folder, the script, then pairs of a file or folder
# and its place in the copy; changes of a folder stay in the copy, too.
_ENTER = """
set -e
here=$1 script=$2
shift 2
mount -t tmpfs tmpfs "$here"
mkdir "$here/root"
overlay() {
    mkdir -p "$here/$3/upper" "$here/$3/work" "$2"
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$here/$3/upper,workdir=$here/$3/work" "$2"
}
overlay / "$here/root" 0
mount -t proc proc "$here/root/proc"
mount --rbind /dev "$here/root/dev"
mount -t tmpfs tmpfs "$here/root/run"
while [ $# -gt 0 ]; do
    if [ -d "$1" ]; then
        overlay "$1" "$here/root$2" $#
        chmod 755 "$here/root$2"
    else
        cp "$1" "$here/root$2"
    fi
    shift 2
done
cd "$here/root"
exec chroot . bash -euc "$script"
"""


def run_in_a_copy(
    script: str, folder: Path, places: Mapping[Path, str], options: Sequence[str] = (), **more: str
) -> str:
    """Run a script of bash, and return what it prints. Raises `AssertionError` if it fails.

    `folder` is an empty one to mount on, `places` are files and folders with their place in the
    copy, `options` those of unshare, and `more` is added to the environment.
    """
    pairs = [text for path, place in places.items() for text in (str(path), place)]
    command = ["unshare", "--mount", "--propagation", "private", *options]
    command += ["sh", "-c", _ENTER, "sh", str(folder), script, *pairs]
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", **more}
    environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    keep = [f"--preserve-env=DEBIAN_FRONTEND,{','.join(more)}"] if _AS_ROOT else []
    done = subprocess.run(
        [*_AS_ROOT, *keep, *command], env=environ, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
