"""The TCP sockets of this machine, as the kernel lists them."""
import os
import pathlib

CONNECTED, CONNECTING = "01", "02"


def of(port, pid=None, states=None):
    """The sockets that are open to a port, by inode: those of one process, and in one of these states, if it is named.

    Where the table changes while it is read, the kernel gives a line twice: hence not a count of lines.
    """
    found = set()
    mine = None if pid is None else _of_process(pid)
    for words in _table():
        if words[2].endswith(f":{port:04X}") and (states is None or words[3] in states) and (mine is None or words[9] in mine):
            found.add(words[9])
    return found


def unread(port):
    """Bytes that lie in the kernel for connections to this port."""
    waiting = {words[2]: int(words[4].split(":")[1], 16) for words in _table() if words[1].endswith(f":{port:04X}") and words[3] == CONNECTED}
    return sum(waiting.values())


def _table():
    return [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]


def _of_process(pid):
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue  # closed meanwhile
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
    return inodes
