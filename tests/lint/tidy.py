"""clang-tidy over all of ours, two at a time.  What passed is remembered by its preprocessed text.

While one part is being written: LINT_UNDER="plugins/redis tests/plugins/test_redis" looks at that part only.
"""
import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess

import source

BUILD = os.path.join(source.ROOT, "build/clang")
PASSED = os.path.join(BUILD, "tidy-passed")


def commands():
    """(path, compile command) of our sources; without a compiler launcher."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            path = os.path.relpath(entry["file"], source.ROOT)
            words = shlex.split(entry["command"])
            if not path.startswith(("..", "build/")) and path.endswith(".c"):
                yield path, words[1:] if words[0].endswith("ccache") else words


def key(words, config):
    """Changes with anything that clang-tidy would see, comments (NOLINT) among it."""
    output = words.index("-o")
    seen = subprocess.run(words[:output] + ["-E", "-C"] + words[output + 2:], cwd=BUILD,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    return hashlib.sha256(config + " ".join(words).encode() + seen).hexdigest()


def options(path):
    """
    Tests are run under sanitizers; there the analyzer would only take half of the time.  Elsewhere it gives up
    on a function a quarter of the way to its usual end, which takes a third of the time: what it found here, it found before.
    """
    if path.startswith("tests/"):
        return ["--checks=-clang-analyzer-*"]
    return [f"--extra-arg={word}" for word in ("-Xclang", "-analyzer-config", "-Xclang", "max-nodes=50000")]


def examine(path, words, config):
    stamp = os.path.join(PASSED, key(words, config + " ".join(options(path)).encode()))
    if os.path.exists(stamp):
        return []
    tidy = subprocess.run(["clang-tidy", "--quiet", "-p", BUILD, *options(path), path], cwd=source.ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if tidy.returncode == 0:
        open(stamp, "w", encoding="utf-8").close()
        return []
    said = [line.replace(source.ROOT + "/", "") for line in tidy.stdout.split("\n")
            if " error: " in line or " warning: " in line]
    said = [line if line.startswith(path) else f"{line} (seen from {path})" for line in said]
    return said or [f"{path}: clang-tidy ended with {tidy.returncode}"]


def check():
    os.makedirs(PASSED, exist_ok=True)
    config = source.read(".clang-tidy").encode()
    under = tuple(os.environ.get("LINT_UNDER", "").split()) or ("",)
    once = {path: words for path, words in commands() if path.startswith(under)}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(examine, path, words, config) for path, words in sorted(once.items())]
    found = {line for job in jobs for line in job.result()}
    if not once:
        found.add("build/clang/compile_commands.json names none of our sources")
    yield from sorted(found)
