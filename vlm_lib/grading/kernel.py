"""The process that runs one submission: this interpreter's IPython kernel, in surroundings that are ours.

It gets an empty working folder, an environment of a few names, a limit on time for each cell, and what else
`shut_in` can keep from it. No kernelspec is looked up, so none can be another interpreter's. It is spoken to
through sockets in its folder, since it may have no network.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_client import BlockingKernelClient

import vlm_lib
from vlm_lib.cache import cache_dir
from vlm_lib.grading.shut_in import shut_in

HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
START_SECONDS = 300  # a slow machine is not the student's fault
GRACE_SECONDS = 3  # for a cell to notice that it is interrupted
MOST_CHARACTERS = 100_000  # of a cell's outputs; a loop may print for as long as it is let
KEPT = {
    "stream": ("name", "text"),
    "error": ("ename", "evalue", "traceback"),
    "display_data": ("data", "metadata"),
    "execute_result": ("data", "metadata", "execution_count"),
}


class Stopped(BaseException):
    """Grading was stopped while this process ran."""


class KernelError(RuntimeError):
    """The process for a submission did not start; the message has what it said."""


@dataclass
class Outcome:
    """What became of a cell: "ok", "error" (`name`, `message`), "too long" or "ended" (its process with it).

    After `lost` the process is of no more use.
    """

    status: str
    name: str = ""
    message: str = ""
    lost: bool = False
    outputs: list[dict] = field(default_factory=list)


class _Outputs:
    """What a cell wrote, up to a limit, as a notebook holds it; a stream's pieces are joined."""

    def __init__(self):
        self.kept: list[dict] = []
        self.complete = False
        self._room = MOST_CHARACTERS

    def add(self, kind: str, content: dict) -> None:
        self._room -= len(json.dumps(content))
        if self._room < 0:
            return
        output = {"output_type": kind} | {key: content.get(key) for key in KEPT[kind]}
        last = self.kept[-1] if self.kept else {}
        if kind == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            self.kept.append(output)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = [Path(vlm_lib.__file__).parents[1], *map(os.path.abspath, given)]
    return kept | {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "HOME": str(folder / "work"),
        "TMPDIR": str(folder / "work"),
        "IPYTHONDIR": str(folder),
        "VLM_LIB_CACHE": str(cache_dir()),
        "JPY_PARENT_PID": str(os.getpid()),  # the kernel ends when this process does, where it can see it
        "OMP_NUM_THREADS": "1",
    }


class Kernel:
    """A kernel in a folder of its own; use it as a context manager. Raises: KernelError; Stopped.

    hidden: folders that it is not to see. stop: when set, whatever waits for the kernel raises Stopped.
    """

    def __init__(self, hidden: Sequence[Path] = (), stop: threading.Event | None = None):
        self._hidden, self._stop = hidden, stop or threading.Event()

    def __enter__(self) -> Kernel:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        work, self._said = folder / "work", folder / "said"
        work.mkdir()
        self._file = folder / "connection.json"
        options = ["-f", str(self._file), "--transport=ipc", f"--ip={folder}/s", "--log-level=CRITICAL"]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                shut_in([sys.executable, "-m", "ipykernel_launcher", *options], folder, self._hidden),
                cwd=work,
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,  # so that Ctrl-C is ours alone, and whatever it starts ends with it
            )
        self._client = BlockingKernelClient()
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._client.stop_channels()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._folder.cleanup()

    def _connect(self) -> None:
        """Wait until the kernel has chosen its ports, and until what it publishes arrives."""
        deadline = time.monotonic() + START_SECONDS
        while not self._client.shell_port:
            self._check_start(deadline)
            time.sleep(0.02)
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):  # not there, or half written
                self._client.load_connection_file(str(self._file))
        self._client.start_channels(stdin=False, hb=False, control=False)
        arrived = None
        while not arrived:
            self._check_start(deadline)
            self._client.kernel_info()
            arrived = _next(self._client.iopub_channel, 0.2)

    def _check_start(self, deadline: float) -> None:
        self._check_stop()
        if self._process.poll() is not None or time.monotonic() > deadline:
            said = self._said.read_text(errors="replace").strip()[-1000:]
            raise KernelError(f"the process for the notebook did not start: {said or 'it said nothing'}")

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def run(self, source: str, seconds: float) -> Outcome:
        """Run one cell; after `seconds` it is interrupted."""
        request = self._client.execute(source, allow_stdin=False, stop_on_error=False)
        outputs = _Outputs()
        reply = self._reply(request, seconds, outputs)
        late = reply is None and self._process.poll() is None
        if late:
            os.killpg(self._process.pid, signal.SIGINT)
            reply = self._reply(request, GRACE_SECONDS, outputs)
        if late:
            return Outcome("too long", lost=reply is None, outputs=outputs.kept)
        asked_to_end = reply and any(entry.get("source") == "ask_exit" for entry in reply.get("payload", []))
        if reply is None or asked_to_end:
            return Outcome("ended", lost=True, outputs=outputs.kept)
        if reply["status"] == "ok":
            return Outcome("ok", outputs=outputs.kept)
        return Outcome("error", reply.get("ename", ""), reply.get("evalue", ""), outputs=outputs.kept)

    def _reply(self, request: str, seconds: float, outputs: _Outputs) -> dict | None:
        """The reply to a request, None if it takes too long or the process ends; collects `outputs` meanwhile."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._check_stop()
            message = _next(self._client.shell_channel, 0.05)
            if message and message["parent_header"].get("msg_id") == request:
                self._collect(request, outputs, seconds=2, patience=1)
                return message["content"]
            self._collect(request, outputs, seconds=0.1, patience=0)
            if not message and self._process.poll() is not None:
                return None
        return None

    def _collect(self, request: str, outputs: _Outputs, seconds: float, patience: float) -> None:
        """Take in for at most `seconds` what the cell published, until it is idle or silent for `patience`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not outputs.complete:
            message = _next(self._client.iopub_channel, patience)
            if not message:
                return
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status":
                outputs.complete = message["content"]["execution_state"] == "idle"
            if message["msg_type"] in KEPT:
                outputs.add(message["msg_type"], message["content"])


def _next(channel, seconds: float) -> dict | None:
    try:
        return channel.get_msg(timeout=seconds)
    except queue.Empty:
        return None
