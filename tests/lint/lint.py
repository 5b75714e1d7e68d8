#!/usr/bin/env python3
"""lint.py [CHECK...]: each check passes, or says file:line and what is wrong.  See run.sh."""
import os
import re
import subprocess
import sys
import tempfile
import time

import measures
import source
import tidy

LAYERS = ["base", "io", "vm", "probe", "out", "lua", "incident", "app"]
STRANGERS = {("out", "lua"), ("lua", "out")}
BANNED = ("strcpy strcat sprintf gets atoi strtok system popen PQconnectdb PQexec PQcancel "
          "redisCommand redisConnect luaL_openlibs").split()
GENERATED = {"event_schema.h", "test_module.h"}  # by the build
LONGEST = 500
EXEMPT = {"include/runbookd/probe.h", "tests/abi/frozen/probe-1.0.h", "tests/abi/frozen/probe-1.1.h"}
REGISTRIES = ("registry.npmjs.org pypi.org pythonhosted.org docker.io ghcr.io quay.io gcr.io k8s.gcr.io "
              "registry.k8s.io crates.io rubygems.org proxy.golang.org luarocks.org "
              "deb.debian.org archive.ubuntu.com repo1.maven.org").split()


def includes(path):
    """(line, what, whether in quotes) of each #include that is no comment."""
    text = source.code(source.read(path), keep_strings=True)
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
        if match:
            yield number, match.group(1) or match.group(2), match.group(1) is not None


def layers():
    """a layer includes itself and those before it; a plugin probe.h, its own folder and common/"""
    for path in source.ours(".c", ".h", under=["core/"]):
        own = path.split("/")[1]
        for number, what, quoted in includes(path):
            other = what.split("/")[0]
            if not quoted and other not in LAYERS:
                continue
            where = f"{path}:{number}:"
            if what == "runbookd/probe.h" or what in GENERATED:
                continue
            if other not in LAYERS:
                yield f"{where} \"{what}\" does not begin with a layer"
            elif LAYERS.index(other) > LAYERS.index(own) or (own, other) in STRANGERS:
                yield f"{where} {own} may not include {what}"
    for path in source.ours(".c", ".h", under=["plugins/"]):
        folder = path.split("/")[1]
        for number, what, quoted in includes(path):
            local = os.path.exists(os.path.join(source.ROOT, os.path.dirname(path), what))
            if what.split("/")[0] in LAYERS and not local:
                yield f"{path}:{number}: a plugin may not include {what} of the agent"
            elif quoted and not (local or what.startswith((f"{folder}/", "common/"))
                                 or what == f"{folder}_queries.h"):
                yield f"{path}:{number}: \"{what}\" is neither the plugin's own nor in common/"


def format_():
    """clang-format changes nothing"""
    paths = source.ours(".c", ".h", ".cpp")
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", *paths],
                          cwd=source.ROOT, text=True, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        yield from (line for line in done.stderr.split("\n") if " error: " in line)


def banned():
    """functions that overflow, block or hand out too much are not called"""
    pattern = r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\("
    for path in source.ours(".c", ".h"):
        yield from source.breaches(path, pattern, lambda match: f"{match.group(1)}() is banned")


def closing():
    """uv_close() is called only in core/io; a bench may compare us with libuv itself"""
    for path in source.ours(".c", ".h"):
        if not path.startswith(("core/io/", "tests/bench/")):
            yield from source.breaches(path, r"\buv_close\s*\(", lambda match: "uv_close() belongs to core/io")


def length():
    """no file is longer than 500 lines"""
    for path in source.ours(".c", ".h", ".py", ".sh", ".lua", ".sql"):
        lines = source.read(path).count("\n")
        if lines > LONGEST and path not in EXEMPT:
            yield f"{path}: {lines} lines, {LONGEST} at most"


def texts():
    """Files that people write: no recorded data."""
    return [path for path in source.files()
            if not path.startswith(("tests/fuzz/corpus/", "tests/lint/")) and "\0" not in source.read(path)]


def promises():
    """nothing is left for later, nor of a merge"""
    for path in texts():
        yield from source.breaches(path, r"\b(TODO|FIXME|XXX)\b|^(?:<{7}|>{7})(?= )", lambda match: f"{match.group(0)} is left",
                                   text=source.read(path))


def outside():
    """nothing reads what lies beside the project"""
    for path in texts():
        yield from source.breaches(path, r"(?:\.\./|/work/)shared\b",
                                   lambda match: f"{match.group(0)} is not part of the project",
                                   text=source.read(path))


def registries():
    """nothing names a package registry: the build downloads nothing"""
    pattern = r"(?<![\w.-])(" + "|".join(map(re.escape, REGISTRIES)) + r")\b"
    for path in texts():
        yield from source.breaches(path, pattern, lambda match: f"{match.group(1)} is a registry",
                                   text=source.read(path))


def openings():
    """each header opens with a paragraph that says what it is"""
    for path in source.ours(".h", under=["core/", "include/", "plugins/"]):
        if not source.read(path).startswith("/*"):
            yield f"{path}:1: no opening comment"


def typedefs():
    """structs and enums are called by their names"""
    for path in source.ours(".c", ".h"):
        yield from source.breaches(path, r"\btypedef\s+(struct|enum|union)\b[^(]*$",
                                   lambda match: f"a typedef hides a {match.group(1)}")


def compile_alone(path, compiler, folder, *options):
    flags = subprocess.run(["pkg-config", "--cflags", "lua5.4", "libpq", "jansson", "libuv", "hiredis"],
                           text=True, stdout=subprocess.PIPE, check=False).stdout.split()
    probe = os.path.join(folder, "alone.cpp" if compiler.endswith("++") else "alone.c")
    with open(probe, "w", encoding="utf-8") as file:
        file.write(f'#include "{path}"\n#include "{path}"\n')
    plugin = os.path.dirname(path) if path.startswith("plugins/") else "."
    done = subprocess.run([compiler, "-fsyntax-only", "-Werror", *options, "-I.", "-Icore", "-Iinclude",
                           "-Iplugins", f"-I{plugin}", *flags, probe],
                          cwd=source.ROOT, text=True, stderr=subprocess.PIPE, check=False)
    errors = [line for line in done.stderr.split("\n") if "error:" in line]
    return [f"{path}: alone, with {compiler}: {line}" for line in errors[:2]]


def headers():
    """each header compiles alone and twice; probe.h as strict C11 and C++17, too"""
    strict = ["-Wall", "-Wextra", "-Wpedantic"]
    with tempfile.TemporaryDirectory() as folder:
        for path in source.ours(".h", under=["core/", "include/", "plugins/"]):
            yield from compile_alone(path, "gcc", folder, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra")
        for path in source.ours(".h", under=["include/"]):
            for compiler in ("gcc", "clang"):
                yield from compile_alone(path, compiler, folder, "-std=c11", *strict)
            for compiler in ("g++", "clang++"):
                yield from compile_alone(path, compiler, folder, "-std=c++17", *strict)


CHECKS = {"layers": layers, "format": format_, "banned": banned, "closing": closing, "length": length,
          "promises": promises, "outside": outside, "registries": registries, "openings": openings,
          "typedefs": typedefs, "headers": headers, "measures": measures.check, "tidy": tidy.check}


def main(wanted):
    unknown = [name for name in wanted if name not in CHECKS]
    if unknown:
        print(f"there is no check {unknown[0]}: {' '.join(CHECKS)}\n0 passed, 1 failed")
        return 1
    failed = 0
    for name in wanted or CHECKS:
        begun = time.monotonic()
        found = list(CHECKS[name]())
        failed += bool(found)
        print(f"{'FAILED' if found else 'ok    '}  {name} ({time.monotonic() - begun:.1f} s)")
        for line in found:
            print(f"        {line}")
        sys.stdout.flush()
    print(f"{len(wanted or CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
