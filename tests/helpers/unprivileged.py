"""Code run as a user who may not write everywhere: root may, whatever a folder's mode says."""

import os
import subprocess
import sys

NOBODY = 65534


def run_unprivileged(code: str, *arguments: object) -> str:
    """What Python code prints, run in another process; as nobody if this one is root's. A failure is an error."""
    # imported first: nobody may not be allowed to read where packages lie
    imports = "import os, sys, torch, vlm_lib.zoo\n"
    drop = f"os.getuid() == 0 and os.setresuid({NOBODY}, {NOBODY}, {NOBODY})\n"
    command = [sys.executable, "-c", imports + drop + code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return done.stdout
