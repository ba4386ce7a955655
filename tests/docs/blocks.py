"""Code blocks of Markdown pages, and a way to run those of a page in one fresh process.

python blocks.py PAGE.md      runs its Python blocks, prints a JSON list of errors, one a block
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import traceback
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        language: What stands behind the fence.
        line: Number of its first line, from 1.
        text: What is inside.
    """

    language: str
    line: int
    text: str


def blocks_of(page: Path) -> Iterator[Block]:
    """All fenced blocks of a page, in order; fences inside lists are indented."""
    inside: list[str] | None = None
    language, began, indent = "", 0, 0
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        bare = line.strip()
        if inside is None and bare.startswith("```"):
            language, began, inside = bare[3:].strip(), number + 1, []
            indent = len(line) - len(line.lstrip())
        elif inside is not None and bare == "```":
            yield Block(language, began, "\n".join(inside) + "\n")
            inside = None
        elif inside is not None:
            inside.append(line[indent:])
    if inside is not None:
        raise ValueError(f"{page}: the block that begins in line {began} has no end.")


def run_python(page: Path, block: Block) -> str:
    """Runs one block in a folder of its own, then its tests; gives back the error's trace."""
    folder, script = Path.cwd(), sys.modules["__main__"]
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            # Its own lines, so that a trace points into the page.
            text = "\n" * (block.line - 1) + block.text
            code = compile(text, str(page), "exec", dont_inherit=True)
            # A module of its own, as a script is: dataclasses look their annotations up in it.
            module = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(code, vars(module))
            for name, thing in list(vars(module).items()):
                if name.startswith("test_") and callable(thing):
                    thing()
        except Exception:
            return traceback.format_exc()
        finally:
            os.chdir(folder)
            sys.modules["__main__"] = script
    return ""


if __name__ == "__main__":
    asked = Path(sys.argv[1])
    with contextlib.redirect_stdout(sys.stderr):
        errors = [run_python(asked, b) for b in blocks_of(asked) if b.language == "python"]
    print(json.dumps(errors))
