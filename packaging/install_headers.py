#!/usr/bin/env python3
"""Installs the C header <xtape/xtape.h>, and the headers that <xtape/xtape.hpp> and <xtape/xarray.hpp> include, directly
or indirectly. --list prints their paths in the source tree instead.

In the source tree a header is "layers/core/dense.hpp"; installed it is <xtape/layers/core/dense.hpp>, and includes of it are
rewritten. So users need one include path, and a folder "layers" in a user's project does not conflict with xtape's.
"""

import os
import pathlib
import re
import sys

source = pathlib.Path(__file__).resolve().parent.parent
include = re.compile(r'^#include "(.+)"$', re.MULTILINE)

waiting = sorted(path.relative_to(source / "include/xtape") for path in (source / "include/xtape").glob("*.h*"))
texts = {}
while waiting:
    header = waiting.pop()
    if header not in texts:
        public = source / "include/xtape" / header
        text = (public if public.exists() else source / header).read_text(encoding="utf-8")
        texts[header] = include.sub(r"#include <xtape/\1>", text)
        waiting += map(pathlib.Path, include.findall(text))

if sys.argv[1] == "--list":
    for header in sorted(texts):
        public = pathlib.Path("include/xtape") / header
        print(public if (source / public).exists() else header)
    sys.exit()

target = pathlib.Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"]) / sys.argv[1]
for header, text in sorted(texts.items()):
    path = target / "xtape" / header
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
if not os.environ.get("MESON_INSTALL_QUIET"):
    print(f"Installing {len(texts)} headers to {target / 'xtape'}")
