#!/usr/bin/env python3
"""How soon a question is shown (targets, row 19): from just before the call that stops until a person's client has it; with one session, and with
1,000 registered, each of which has a question waiting.

  daemon_bench.py --assent PATH --assentd PATH"""
import argparse
import json
import os
import pathlib
import resource
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import agent_sessions  # noqa: E402

TRIES = int(os.environ.get("TRIES", "15"))
# Each asks by itself: another process, another file. The clock is the whole machine's.
AGENT = """
import os, subprocess, sys, time
for i in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        print(time.clock_gettime_ns(time.CLOCK_MONOTONIC), flush=True)
        try: os.truncate('f%d' % i, 0)
        except OSError: pass
        os._exit(0)
    os.waitpid(child, 0)
"""


class Clock(agent_sessions.Human):
    """Notes when each question of the session that is measured was seen."""

    def __init__(self, path, session):
        self.session, self.times = session, []
        super().__init__(path, "no", False)

    def serve(self):
        revision, known = 0, set()
        try:
            while True:
                self.send({"is": "list", "unless": revision, "wait_ms": 30000})
                new = []
                while True:
                    payload = self.take(struct.unpack("<I", self.take(4))[0])
                    if b'"is":"waiting"' in payload and self.session in payload:
                        message = json.loads(payload)
                        if message["id"] not in known:
                            known.add(message["id"])
                            self.times.append(time.clock_gettime_ns(time.CLOCK_MONOTONIC))
                            new.append(message)
                    elif b'"is":"end"' in payload:
                        revision = json.loads(payload)["revision"]
                        break
                for one in new:
                    self.send({"is": "give", "id": one["id"], "consent": "no", "scope": "once", "reason": "", "confirm": ""})
                    self.receive()
        except (EOFError, OSError):
            pass


def registered(path, number):
    """A scripted session with one question."""
    out = socket.socket(socket.AF_UNIX)
    out.connect(path)

    def send(message):
        payload = json.dumps(message).encode()
        out.sendall(struct.pack("<I", len(payload)) + payload)

    send({"is": "hello", "version": 1, "role": "session", "facts": {"session": f"s-{number}", "name": "", "project": "/p", "command": ["agent"], "pid": 1}})
    question = {"id": 1, "session": f"s-{number}", "operation": "delete", "object": f"/p/{number}", "recovery": "none", "asked_ms": 0, "confirm": "", "votes": [],
                "rule": {"file": "default.toml", "line": 1}, "reason": "r", "quorum": 1, "approvers": [], "not_self": False, "timeout_s": 300,
                "process": {"id": number + 1, "parent": 0, "pid": 1, "inner_pid": 1, "exe": "/bin/rm", "argv": ["rm", "-rf", f"/p/{number}"], "cwd": "/p", "ancestry": ["bash", "node"]}}
    send({"is": "ask", "question": question, "left_ms": 300000})
    return out


def measure(bench, others):
    project = bench.top / "home/project"
    project.mkdir(parents=True, exist_ok=True)
    for i in range(TRIES):
        (project / f"f{i}").write_text("here before\n")
    sessions = [registered(str(bench.socket), i) for i in range(others)]
    try:
        clock = Clock(str(bench.socket), str(project).encode())
        done = bench.call([bench.arguments.assent, "run", "-q", "--ask", "daemon", "-C", str(project), "--", "python3", "-c", AGENT, str(TRIES)], project)
        clock.close()
    finally:
        for one in sessions:
            one.close()
    began = [int(line) for line in done.stdout.split()]
    if len(began) != TRIES or len(clock.times) != TRIES:
        raise RuntimeError(f"{len(began)} calls, {len(clock.times)} questions\n{done.stderr[-800:]}")
    return [(shown - stopped) / 1e6 for stopped, shown in zip(began, clock.times)]


def main(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--assent", required=True)
    parser.add_argument("--assentd", required=True)
    arguments = parser.parse_args(words)
    arguments.verbose = False
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    for others, target in ((0, 5), (1000, 50)):
        bench = agent_sessions.Bench(arguments)
        try:
            times = measure(bench, others)
        finally:
            bench.close()
        print(f" 19  question shown after the call stopped, {others + 1:>4} sessions (ms)      median {statistics.median(times):6.2f}, most {max(times):6.2f}   target <= {target}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
