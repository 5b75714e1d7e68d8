"""walk.py README SOURCE: follows the README's section "Add a check" in SOURCE, to the letter.

Each piece of C goes above the line that the sentence before it names in `backquotes`.
"""
import re
import sys

readme_path, source_path = sys.argv[1:]
readme = open(readme_path, encoding="utf-8").read()
source = open(source_path, encoding="utf-8").read()

section = readme.split("\n## Add a check\n")[1].split("\n## ")[0]
pieces = re.findall(r"above(?: the)?\s+`([^`]+)`[^`]*?\n\n```c\n(.*?)```", section, re.DOTALL)
if len(pieces) != section.count("```c"):
    sys.exit("a piece of C does not say where it goes")

at = 0
for place, code in pieces:
    # "the {0} that ends that table": the next one after what was named before
    found = source.find(place, at if place == "{0}" else 0)
    if found < 0:
        sys.exit(f"{source_path} has no line with {place}")
    line = source.rfind("\n", 0, found) + 1
    gap = "" if place == "{0}" else "\n"
    source = source[:line] + code + gap + source[line:]
    at = source.index(place, line)

open(source_path, "w", encoding="utf-8").write(source)
