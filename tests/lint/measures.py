"""Measure names: one word for one thing in all plugins, the unit in the name."""
import os
import re

import source

SUFFIXES = ("_percent", "_seconds", "_ms", "_us", "_bytes", "_per_second")
LUA = set("and break do else elseif end false for function goto if in local nil not or repeat return "
          "then true until while".split())
DICTIONARY = "tests/lint/measures.txt"


def dictionary():
    words = {}
    for line in source.read(DICTIONARY).split("\n"):
        if line.strip() and not line.startswith("#"):
            name, _, meaning = line.partition(" ")
            words[name] = meaning.strip()
    return words


def body(text, start):
    """From the brace at `start` to the one that closes it."""
    depth = 0
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return text[start + 1:index]
    return text[start + 1:]


def declared(path):
    """(line, name) of each measure that a source declares, as {"name", ...} or MACRO("name", ...)."""
    text = source.read(path)
    plain, bare = source.code(text, keep_strings=True), source.code(text)
    for table in re.finditer(r"struct\s+probe_measure\b[^;={}()]*=\s*\{", bare):
        start = table.end() - 1
        inside = body(bare, start)
        depth = 0
        for index, char in enumerate(inside):
            opens = char in "{("
            if opens and depth == 0:
                entry = plain[start + 2 + index:]
                name = re.match(r'\s*(?:\.name\s*=\s*)?"([^"]*)"', entry)
                if name:
                    yield text.count("\n", 0, start + 1 + index) + 1, name.group(1)
            depth += 1 if opens else -1 if char in "})" else 0


def wrong(name, words):
    if name in LUA:
        return "is a word of Lua, so no condition can name it"
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        return "is not snake_case"
    if name not in words and not name.endswith(SUFFIXES):
        return f"has no unit ({' '.join(SUFFIXES)}) and is not in {DICTIONARY}"
    return None


def check():
    words = dictionary()
    used = set()
    for path in source.ours(".c", ".h", under=["plugins/"]):
        for line, name in declared(path):
            used.add(name)
            reason = wrong(name, words)
            if reason:
                yield f"{path}:{line}: measure \"{name}\" {reason}"
    for name, meaning in words.items():
        if not meaning:
            yield f"{DICTIONARY}: \"{name}\" has no meaning"
        if name.endswith(SUFFIXES):
            yield f"{DICTIONARY}: \"{name}\" says its unit and need not be listed"
    if os.path.isdir(os.path.join(source.ROOT, "plugins")) and not used:
        yield "no measure was found in plugins/: tests/lint/measures.py reads tables it does not know"
