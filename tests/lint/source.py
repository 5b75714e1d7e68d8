"""C sources as lint sees them: the project's files, and their text without comments or strings."""
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ALLOWED = re.compile(r"/\* lint: \S.*\*/\s*$")
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files():
    """All files of ours, tracked or about to be, as paths from the root."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                            check=True, stdout=subprocess.PIPE).stdout.split("\n")
    return sorted(path for path in set(listed) if path and os.path.isfile(os.path.join(ROOT, path)))


def ours(*suffixes, under=()):
    return [path for path in files()
            if path.endswith(suffixes) and (not under or path.startswith(tuple(under)))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def code(text, keep_strings=False):
    """The text with comments, and unless told otherwise strings, turned into blanks."""
    def replace(match):
        token = match.group(0)
        if token[0] in "\"'":
            return token if keep_strings else token[0] + blank(token[1:-1]) + token[-1]
        return blank(token)
    return TOKEN.sub(replace, text)


def breaches(path, pattern, say, text=None):
    """Where `pattern` stands in a file's code, unless the line is allowed to."""
    whole = read(path)
    lines = whole.split("\n")
    for number, line in enumerate((code(whole) if text is None else text).split("\n"), 1):
        for match in re.finditer(pattern, line):
            if not ALLOWED.search(lines[number - 1]):
                yield f"{path}:{number}: {say(match)}"
