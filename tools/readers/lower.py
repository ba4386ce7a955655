"""Rewrites type parameters (PEP 695) of an installed package for Python 3.11; nothing else.

    python lower.py PACKAGE

`class A[T](B)` becomes `class A(B, Generic[T])`, `def f[T: X](...)` loses the brackets,
`type X = Y` its keyword. What the code does stays the same.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

_CLASS = re.compile(r"^(\s*class \w+)\[([^\]]+)\](\((.*)\))?:", re.MULTILINE)
_FUNCTION = re.compile(r"^(\s*(?:async )?def \w+)\[([^\]]+)\]\(", re.MULTILINE)
_ALIAS = re.compile(r"^(\s*)type (\w+) = ", re.MULTILINE)


def lowered(text: str) -> str:
    """The same code without type parameters."""
    names: list[str] = []

    def params(told: str) -> list[str]:
        found = [part.split(":")[0].strip() for part in told.split(",")]
        names.extend(name for name in found if name not in names)
        return found

    def of_class(match: re.Match[str]) -> str:
        bases = [match[4]] if match[4] else []
        return f"{match[1]}({', '.join([*bases, f'_Generic[{chr(44).join(params(match[2]))}]'])}):"

    def of_function(match: re.Match[str]) -> str:
        params(match[2])
        return f"{match[1]}("

    text = _ALIAS.sub(r"\1\2 = ", _FUNCTION.sub(of_function, _CLASS.sub(of_class, text)))
    head = ["from typing import Generic as _Generic, TypeVar as _TypeVar"]
    head += [f"{name} = _TypeVar({name!r})" for name in names]
    tree = ast.parse(text)
    after = 0
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            after = node.end_lineno or 0
    lines = text.splitlines()
    return "\n".join([*lines[:after], *head, *lines[after:]]) + "\n"


def main() -> None:
    """Lowers every file that this Python cannot read."""
    spec = importlib.util.find_spec(sys.argv[1])
    for place in (spec.submodule_search_locations or []) if spec else []:
        for path in Path(place).rglob("*.py"):
            text = path.read_text()
            try:
                ast.parse(text)
            except SyntaxError:
                path.write_text(lowered(text))


if __name__ == "__main__":
    main()
