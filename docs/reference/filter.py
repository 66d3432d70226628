#!/usr/bin/env python3
"""Prepares a header for Doxygen, without moving a line.

- The comment at the top of the file becomes the description of the file.
- Everything in namespace xtape belongs to the topic of its folder or file, so that the topics are an index of layers, ops,
  losses, metrics and so on. Structs of options also belong to the topic "Options".
- Specializations of fmt::formatter are left out.
- `using Conv2D = LayerHandle<Conv2DLayer>;` refers to the definition, where the layer is described.
- Members that all layers have, such as `Options` and `fields()`, get a description here unless they have one.
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
    ("training/metrics/loss", "losses"),
    ("training/metrics", "metrics"),
    ("training/callbacks", "callbacks"),
    ("training/checkpoint", "callbacks"),
    ("training", "training"),
]

# Descriptions of the members that all layers have, by the beginning of the line.
MEMBERS_OF_LAYERS = [
    (r"\s+struct Options \{", "The options of the layer. @ingroup options"),
    (r"\s+using Options = \w+;", "The options of the layer."),
    (r"\s+static void fields\(auto", "Calls `field(name, value)` for each option except the name."),
    (r'\s+std::string name = "";', 'The name of the layer, unique in a model; if empty, made from the type: "dense_1".'),
    (r"\s+explicit \w+Layer\((const )?\w*Options&? options\)", "Makes the layer from its options."),
    (r"\s+const Options& options\(\) const", "The options of the layer."),
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
            line = f"/** @brief The handle with which users make and call a layer; {alias[2]} describes it. */ {line}"
        documented = result and result[-1].lstrip().startswith("///")
        if topic == "layers" and not documented and "///<" not in line:
            description = next((text for start, text in MEMBERS_OF_LAYERS if re.match(start, line)), None)
            line = f"/** {description} */ {line}" if description else line
        if re.match(r"\s*struct \w*Options\b.*\{$", line) and documented:
            result[-1] += " @ingroup options"
        result.append(line)
    return result


path = pathlib.Path(sys.argv[1])
text = path.read_text(encoding="utf-8")
if path.suffix == ".hpp":
    relative = path.resolve().relative_to(pathlib.Path.cwd()).as_posix()
    text = "\n".join(filtered(text.split("\n"), topic_of(relative)))
sys.stdout.write(text)
