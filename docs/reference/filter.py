#!/usr/bin/env python3
"""Prepares a header for Doxygen, without moving a line.

- The comment at the top of the file becomes the description of the file.
- Everything in namespace xtape belongs to the topic of its folder or file, so that the topics are an index of layers, ops,
  losses, metrics and so on. Structs of options also belong to the topic "Options".
- Specializations of fmt::formatter are left out.
- `using Conv2D = LayerHandle<Conv2DLayer>;` refers to the definition, where the layer is described.
"""

import pathlib
import re
import sys

# The first entry whose path the file's path begins with.
TOPICS = [
    ("framework/ops/losses", "losses"),
    ("framework/ops", "ops"),
    ("framework/tensor", "tensor"),
    ("framework/autograd", "autograd"),
    ("framework/io", "files"),
    ("framework/kernels", "machine"),
    ("framework", "machine"),
    ("layers", "layers"),
    ("optim", "optimizers"),
    ("models", "models"),
    ("gradcheck", "gradcheck"),
    ("training/loss", "losses"),
    ("training/metric", "metrics"),
    ("training/callback", "callbacks"),
    ("training/checkpoint", "callbacks"),
    ("training", "training"),
]


def topic_of(path):
    return next((topic for prefix, topic in TOPICS if path.startswith(prefix)), None)


def filtered(lines, topic):
    result = []
    in_title = True
    in_formatter = False
    for number, line in enumerate(lines):
        if line == "template <>" and lines[number + 1].startswith("struct fmt::formatter"):
            in_formatter = True
        if in_formatter:
            in_formatter = line != "};"
            line = ""
        if in_title and line.startswith("// "):
            line = ("/// @describesfile " if not result else "/// ") + line[3:]
        else:
            in_title = False
        if topic and re.match(r"namespace xtape(::\w+)? \{$", line):
            line += f" /** @addtogroup {topic} */ /** @{{ */"
        elif topic and re.match(r"\}  // namespace xtape", line):
            line = "/** @} */ " + line
        alias = re.match(r"using (\w+) = \w+Handle<(\w+)>;$", line)
        if alias:
            line = f"/** @brief How users hold a {alias[2]}, which see. */ {line}"
        if re.match(r"\s*struct \w*Options\b.*\{$", line) and result and result[-1].lstrip().startswith("///"):
            result[-1] += " @ingroup options"
        result.append(line)
    return result


path = pathlib.Path(sys.argv[1])
text = path.read_text(encoding="utf-8")
if path.suffix == ".hpp":
    relative = path.resolve().relative_to(pathlib.Path.cwd()).as_posix()
    text = "\n".join(filtered(text.split("\n"), topic_of(relative)))
sys.stdout.write(text)
