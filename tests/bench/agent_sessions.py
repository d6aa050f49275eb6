#!/usr/bin/env python3
"""Counts questions in scripted agent sessions (targets, row 20): harmless work asks nothing, a destructive command asks once, nothing is lost.

  agent_sessions.py --assent PATH --assentd PATH [--only WORD] [--profile NAME|FILE] [--small] [--verbose]

Each session runs twice where it destroys something: with a human who says no, and with one who says yes to the rest of the command. Lost is what
was there before and is afterwards neither in the tree, nor in git, nor brought back by 'assent undo'. Exit 1 where anything is missed."""
import argparse
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

# Its end makes the index younger than the files, as any that was not made this very instant is.
REPOSITORY = r"""
git init -q -b main
printf '#include "b.h"\nint main(void){return b();}\n' >a.c
printf 'int b(void);\n' >b.h
printf '#include "b.h"\nint b(void){return 0;}\n' >b.c
printf 'prog: a.o b.o\n\tgcc -o prog a.o b.o\n%%.o: %%.c b.h\n\tgcc -c $<\nclean:\n\trm -f prog *.o\n' >Makefile
printf '*.o\nprog\nnode_modules\n*.log\n' >.gitignore
mkdir -p docs tests/unit
for i in 1 2 3 4 5 6 7 8; do echo "page $i" >docs/p$i.md; echo "def test_$i(): assert True" >tests/unit/test_$i.py; done
printf 'import unittest\nclass T(unittest.TestCase):\n  def test(self): self.assertTrue(True)\n' >tests/test_all.py
git add -A; git commit -qm first
git checkout -q -b other; echo other >>docs/p1.md; echo more >docs/p9.md; git add -A; git commit -qm other
git checkout -q main; echo main >>docs/p2.md; git commit -qam main
sleep 0.1; touch a.c; git update-index -q --refresh
mkdir -p data/raw/deep; for i in 1 2 3 4; do echo "measured $i" >data/raw/m$i.csv; echo "deep $i" >data/raw/deep/d$i.csv; done
echo 'only copy' >notes.txt; echo old >build.log; mkdir scratch; echo s1 >scratch/s1; mkdir scratch/sub; echo s2 >scratch/sub/s2
"""

# name, what it needs, [(kind, command)]: kind 0: harmless; n: it destroys, and may ask n times (one for each tree that it names).
SESSIONS = [
    ("edit", "sed", [(0, "sed -i s/page/Page/ docs/*.md"), (0, "sed -i s/Page/PAGE/ docs/p1.md"), (0, "printf 'x\\n' >>a.c"), (0, "cat a.c b.c >/dev/null")]),
    ("edit by a script", "python3", [(0, "python3 -c \"import pathlib\nfor p in pathlib.Path('docs').glob('*.md'): p.write_text(p.read_text().upper())\""),
                                     (0, "python3 -c \"p='notes.txt'; t=open(p).read(); f=open(p,'r+'); f.write(t.upper()); f.close()\"")]),
    ("build", "gcc", [(0, "make -s"), (0, "./prog"), (0, "touch b.h; make -s -j4"), (0, "make -s clean; make -s; make -s clean")]),
    ("tests", "python3", [(0, "python3 -m unittest -q tests/test_all.py"), (0, "python3 -m compileall -q tests"), (0, "find . -name __pycache__ -prune -exec rm -rf {} +")]),
    ("git commit", "git", [(0, "echo new >new.c; git add -A; git commit -qm new"), (0, "git commit -q --amend -m better"), (0, "git status --short; git log --stat | tail -1")]),
    ("git checkout and merge", "git", [(0, "git checkout -q other; git checkout -q main"), (0, "git merge -q --no-edit other"), (0, "git checkout -q -b topic; echo t >t; git add t; git commit -qm t; git checkout -q main; git merge -q topic")]),
    ("git rebase and stash", "git", [(0, "echo y >>a.c; git stash -q; git stash pop -q"), (0, "git commit -qam y; git rebase -q other"), (0, "git cherry-pick -x other >/dev/null 2>&1 || git cherry-pick --abort || true")]),
    ("install packages", "sh", [(0, "for p in $(seq 40); do mkdir -p node_modules/p$p/lib; for f in 1 2 3; do echo m >node_modules/p$p/lib/$f.js; done; echo '{}' >node_modules/p$p/package.json; done; mkdir -p node_modules/.bin; for p in $(seq 40); do ln -s ../p$p/lib/1.js node_modules/.bin/p$p; done"),
                                (0, "echo '{\"v\":1}' >lock.tmp; mv lock.tmp package-lock.json; echo '{\"v\":2}' >lock.tmp; mv lock.tmp package-lock.json"), (0, "rm -rf node_modules/p1 node_modules/.bin/p1"), (0, "rm -rf node_modules")]),
    ("own temporary files", "sh", [(0, "t=$(mktemp); echo x >$t; rm $t; d=$(mktemp -d); echo y >$d/y; rm -rf $d"), (0, "mkdir tmp.d; for i in $(seq 50); do echo $i >tmp.d/$i; done; mv tmp.d tmp.e; rm -rf tmp.e"), (0, "cp -a docs copy; sed -i s/p/q/ copy/*; rm -rf copy")]),
    ("editor", "vim", [(0, "vim -es -N -u NONE -c 'set backupcopy=yes' -c 'normal Gothree' -c wq docs/p3.md"), (0, "vim -es -N -u NONE -c 'set nobackup nowritebackup' -c 'normal Gofour' -c wq docs/p3.md")]),
    ("unpack and generate", "tar", [(0, "tar cf own.tar docs; mkdir out; tar xf own.tar -C out; diff -r docs out/docs; rm -rf out own.tar"), (0, "for i in $(seq 30); do echo $i >gen_$i.h; done; cat gen_*.h >all.h; rm gen_*.h all.h")]),
    ("clone and look", "git", [(0, "git clone -q --no-hardlinks . copy; git -C copy log --oneline >/dev/null; rm -rf copy"), (0, "grep -rn page . >/dev/null; find . -type f | wc -l; du -s .")]),
    ("rm -rf of a tracked folder", "sh", [(0, "make -s"), (1, "rm -rf docs"), (0, "make -s clean")]),
    ("rm -rf of an untracked tree", "sh", [(1, "rm -rf data"), (0, "git status --short")]),
    ("rm of several files", "sh", [(1, "rm docs/p1.md docs/p2.md docs/p3.md"), (1, "rm notes.txt")]),
    ("rm -rf of two trees", "sh", [(2, "rm -rf docs data")]),
    ("git clean", "git", [(1, "git clean -fdxq")]),
    ("git clean of a subfolder", "git", [(1, "git clean -fdq -- data")]),
    ("overwrite", "sh", [(1, ": >notes.txt"), (1, "echo new >n; mv -f n data/raw/m2.csv || rm -f n"), (1, "cp /dev/null data/raw/m1.csv")]),
    ("move away", "sh", [(1, "mv docs gone-docs"), (0, "git status --short")]),
    ("find -delete", "find", [(1, "find data -name '*.csv' -delete")]),
    ("rmtree in a script", "python3", [(1, "python3 -c \"import shutil; shutil.rmtree('data')\"")]),
    ("rmtree by node", "node", [(1, "node -e \"require('fs').rmSync('data',{recursive:true})\"")]),
    ("remove the history", "sh", [(1, "rm -rf .git")]),
    ("discard changes", "git", [(1, "git branch -qD other"), (0, "git status --short")]),
]
SMALL = {"edit", "git checkout and merge", "own temporary files", "rm -rf of a tracked folder", "git clean", "overwrite", "rmtree in a script"}


class Human:
    """A person at the other end of the daemon's socket, who answers each question at once."""

    def __init__(self, path, consent, verbose):
        self.verbose, self.consent = verbose, consent
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.seen = []
        self.send({"is": "hello", "version": 1, "role": "operator", "from": "agent_sessions"})
        assert self.receive()["is"] == "welcome"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def send(self, message):
        payload = json.dumps(message).encode()
        self.socket.sendall(struct.pack("<I", len(payload)) + payload)

    def take(self, size):
        out = b""
        while len(out) < size:
            more = self.socket.recv(size - len(out))
            if not more:
                raise EOFError
            out += more
        return out

    def receive(self):
        return json.loads(self.take(struct.unpack("<I", self.take(4))[0]))

    def serve(self):
        revision = 0
        try:
            while True:
                self.send({"is": "list", "unless": revision, "wait_ms": 30000})
                waiting = []
                while (message := self.receive())["is"] != "end":
                    if message["is"] == "waiting":
                        waiting.append(message)
                revision = message.get("revision", 0)
                for one in waiting:
                    self.seen.append(one)
                    if self.verbose:
                        q = one["question"]
                        print("      asked:", q.get("process", {}).get("argv"), q["operation"], q["object"], q.get("radius", {}).get("root"), q["rule"])
                    self.send({"is": "give", "id": one["id"], "consent": self.consent, "scope": "command", "reason": "", "confirm": one["question"]["confirm"]})
                    self.receive()
        except (EOFError, OSError):
            pass

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)


def contents(top):
    out = {}
    for folder, folders, files in os.walk(top):
        if ".git" in folders:
            folders.remove(".git")
        for name in files:
            path = pathlib.Path(folder, name)
            if path.is_symlink() or not path.is_file():
                continue
            out[str(path.relative_to(top))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return out


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        # Like a real home: not in /tmp, which is the agent's own inside.
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="assent-sessions.", dir=os.environ.get("BENCH_DIR", "/var/tmp")))
        self.socket = self.top / "run/assent/assentd.sock"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.top / "home"), "LANG": "C.UTF-8", "XDG_STATE_HOME": str(self.top / "state"),
                    "XDG_RUNTIME_DIR": str(self.top / "run"), "ASSENT_DAEMON": str(self.socket), "GIT_AUTHOR_NAME": "b", "GIT_AUTHOR_EMAIL": "b@localhost",
                    "GIT_COMMITTER_NAME": "b", "GIT_COMMITTER_EMAIL": "b@localhost"}
        self.run_dir = self.top / "run"
        self.run_dir.mkdir(mode=0o700)
        self.daemon = subprocess.Popen([arguments.assentd, "--socket", str(self.socket)], env=self.env, stdin=subprocess.DEVNULL)
        for _ in range(500):
            if self.socket.exists():
                break
            time.sleep(0.01)

    def close(self):
        self.daemon.terminate()
        self.daemon.wait()
        shutil.rmtree(self.top, ignore_errors=True)

    def call(self, command, cwd):
        return subprocess.run(command, cwd=cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", timeout=120)

    def session(self, name, steps, consent):
        """The questions of each step, what was lost, what was denied."""
        home = self.top / "home"
        shutil.rmtree(home, ignore_errors=True)
        project = home / "project"
        project.mkdir(parents=True)
        prepared = self.call(["sh", "-ec", REPOSITORY], project)
        if prepared.returncode != 0:
            raise RuntimeError(prepared.stderr)
        time.sleep(0.05)
        before = contents(project)
        hashes = self.call(["sh", "-c", "git hash-object --no-filters " + " ".join(f"'{p}'" for p in before)], project).stdout.split()
        in_git = dict(zip(before, hashes))
        # A process for each step, as an agent's tool calls are.
        marks = "".join(f"echo >.step-{i}; sh -c {shlex.quote(command)}; " for i, (_, command) in enumerate(steps))
        human = Human(str(self.socket), consent, self.arguments.verbose)
        try:
            done = self.call([self.arguments.assent, "run", "-q", "--ask", "daemon", "--timeout", "20s", *(["-p", self.arguments.profile] if self.arguments.profile else []),
                              "-C", str(project), "--", "sh", "-c", marks + "true"], project)
        finally:
            human.close()
        # Which step asked: the marks are creations in the record.
        log = self.call([self.arguments.assent, "log", "--json", "--all", "last"], project).stdout
        asked, step = [0] * len(steps), 0
        for line in log.splitlines():
            if '/.step-' in line:
                step = int(line.split("/.step-")[1].split('"')[0])
            if '"kind":"question"' in line:
                asked[step] += 1
        def lost():
            now = set(contents(self.top / "home").values())
            return [p for p, digest in before.items() if digest not in now and
                    self.call(["git", "cat-file", "-e", in_git[p]], project).returncode != 0]
        denied = [line for line in done.stderr.splitlines() if "assent: denied" in line]
        missing = lost()
        if missing and consent == "yes":
            self.call([self.arguments.assent, "undo", "last"], project)
            missing = lost()
        elif missing:
            undone = self.call([self.arguments.assent, "undo", "last"], project)  # what was allowed unasked is in the vault
            missing = lost()
            if missing and self.arguments.verbose:
                print(undone.stdout, undone.stderr)
        return asked, missing, denied, done

    def all(self):
        sums = {"harmless": 0, "destructive": 0, "asked": 0, "lost": 0}
        missed, ran = [], 0
        for name, needs, steps in SESSIONS:
            if self.arguments.small and name not in SMALL or self.arguments.only and self.arguments.only not in name:
                continue
            if not shutil.which(needs):
                print(f"     {name}: left out, no {needs}")
                continue
            ran += 1
            destroys = any(kind for kind, _ in steps)
            for consent in ("no", "yes") if destroys else ("no",):
                asked, lost, denied, done = self.session(name, steps, consent)
                for (kind, command), count in zip(steps, asked):
                    if kind == 0:
                        sums["harmless"] += count
                    else:
                        sums["destructive"] += kind
                        sums["asked"] += count
                    if count != kind:
                        missed.append(f"{name} ({consent}): {count} questions, not {kind}: {command}")
                sums["lost"] += len(lost)
                if lost:
                    missed.append(f"{name} ({consent}): lost {lost}")
                if not destroys and (denied or done.returncode != 0):
                    missed.append(f"{name}: {done.returncode} {done.stderr[-500:]}")
                print(f"     {name + ' (' + consent + ')' if destroys else name:<40} questions {asked}, lost {len(lost)}", flush=True)
        print(f" 20  questions in {ran} scripted sessions: harmless work {sums['harmless']}, destructive commands {sums['asked']} for {sums['destructive']}, losses {sums['lost']}"
              "   target 0 / 1 each / 0")
        for one in missed:
            print("MISSED:", one, file=sys.stderr)
        return 1 if missed or ran == 0 else 0


def main(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--assent", required=True)
    parser.add_argument("--assentd", required=True)
    parser.add_argument("--profile")
    parser.add_argument("--only")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    bench = Bench(parser.parse_args(words))
    try:
        return bench.all()
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
