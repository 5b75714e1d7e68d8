"""grow.py HEADER OUT: the plugin contract as its next minor version could be.

Every struct that may grow has a member more at its end; what is frozen has not.
"""
import re
import sys

header_path, out_path = sys.argv[1:]
text = open(header_path, encoding="utf-8").read()

GROW = (
    # carry their size
    "finding ending request endpoint command tail plan result tenure lease plugin host "
    # made by the agent alone
    "target run url peer response arrival exit sight lines claim "
    # elements, whose sizes the descriptor carries
    "option measure check action field column step"
).split()
FROZEN = "life error items sizes pair table bytes problem timing file".split()

structs = re.findall(r"^struct probe_(\w+) \{", text, re.MULTILINE)
if sorted(structs) != sorted(GROW + FROZEN):
    sys.exit(f"grow or freeze: {sorted(set(structs) ^ set(GROW + FROZEN))}")

for name in GROW:
    text, count = re.subn(
        rf"(^struct probe_{name} \{{.*?)(^\}};)",
        r"\1    uint64_t grown[3];\n\2",
        text,
        count=1,
        flags=re.MULTILINE | re.DOTALL,
    )
    assert count == 1, name

text, count = re.subn(r"(#define PROBE_ABI_MINOR) (\d+)u", lambda m: f"{m[1]} {int(m[2]) + 1}u", text)
assert count == 1
open(out_path, "w", encoding="utf-8").write(text)
