"""random_acts SEED [COUNT]: without a count makes a small tree in the working directory; with one does so many random acts in it:
everything that gives, takes or changes a name, content or metadata, on whatever is there. What fails is left. Prints the errno of each. The
same seed on the same tree does the same."""
import ctypes
import os
import random
import shutil
import sys

NAMES = "abcdefgh"
EXCHANGE, NOREPLACE = 2, 1
libc = ctypes.CDLL(None, use_errno=True)


def renameat2(old, new, flags):
    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def write(path, mode, text):
    with open(path, mode) as file:
        file.write(text)


class Tree:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def below(self):
        """Folders and the rest, in an order that does not depend on the disk."""
        folders, others = ["."], []
        for top, inner, files in os.walk("."):
            for name in sorted(inner) + sorted(files):
                path = os.path.join(top, name)
                (folders if os.path.isdir(path) and not os.path.islink(path) else others).append(path)
        return sorted(folders), sorted(others)

    def something(self):
        folders, others = self.below()
        return self.random.choice(folders[1:] + others or ["./nothing"])

    def file(self):
        return self.random.choice([path for path in self.below()[1] if not os.path.islink(path)] or ["./nothing"])

    def place(self):
        return os.path.join(self.random.choice(self.below()[0]), self.random.choice(NAMES) + self.random.choice(["", "1", "2"]))

    def make(self):
        for _ in range(6):
            path = os.path.join(self.random.choice(self.below()[0]), self.random.choice(NAMES))
            if not os.path.lexists(path):
                os.mkdir(path)
        for number in range(12):
            path, kind = self.place(), self.random.randrange(8)
            if os.path.lexists(path):
                continue
            if kind == 0:
                os.symlink(self.random.choice(NAMES), path)
            elif kind == 1 and self.below()[1]:
                os.link(self.random.choice(self.below()[1]), path, follow_symlinks=False)
            else:
                write(path, "w", f"content {number} " * self.random.randrange(50))
                os.chmod(path, 0o400 if kind == 2 else 0o644)
        folders, others = self.below()
        for number, path in enumerate(others + folders[::-1]):
            os.utime(path, (10**9 + number, 10**9 + 7 * number), follow_symlinks=False)

    def act(self):
        pick = self.random.choice
        kind = self.random.randrange(18)
        if kind == 0:
            write(self.place(), "x", "made by the agent")
        elif kind == 1:
            write(self.file(), pick("wa"), "written by the agent")
        elif kind == 2:
            os.truncate(self.file(), 3)
        elif kind in (3, 4):
            os.unlink(self.something())
        elif kind in (5, 6):
            os.rename(self.something(), self.place())
        elif kind == 7:
            os.rename(self.something(), self.something())
        elif kind in (8, 9):
            renameat2(self.something(), self.something(), EXCHANGE)
        elif kind == 10:
            renameat2(self.something(), self.place(), NOREPLACE)
        elif kind == 11:
            os.link(self.file(), self.place())
        elif kind == 12:
            os.symlink(pick(NAMES), self.place())
        elif kind == 13:
            os.mkdir(self.place())
        elif kind == 14:
            os.chmod(self.something(), pick([0o600, 0o644, 0o700, 0o755]))
        elif kind == 15:
            os.utime(self.something(), (1, 2), follow_symlinks=False)
        elif kind == 16:
            path = self.something()
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        else:  # as editors save
            path = self.something()
            temporary = os.path.join(os.path.dirname(path), ".new")
            write(temporary, "w", "saved by the agent")
            os.rename(temporary, path)


def main():
    tree = Tree(int(sys.argv[1]))
    if len(sys.argv) < 3:
        return tree.make()
    for _ in range(int(sys.argv[2])):
        try:
            tree.act()
            print(0)
        except OSError as error:
            print(error.errno)


main()
