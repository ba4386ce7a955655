"""The package as it is laid out, installed and imported."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("core", "envs", "datasets", "agents", "loop")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def run(code: str, cwd: Path = ROOT, **options) -> str:
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def folders_with_code() -> set[str]:
    """Every folder of the rooms that holds Python files, as a package name."""
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    folders |= {ROOT / room for room in ROOMS}
    return {"fleetloop." + ".".join(folder.relative_to(ROOT).parts) for folder in folders}


def test_the_list_of_packages_is_the_tree():
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders_with_code()


@pytest.mark.parametrize("room", ["datasets", "agents"])
def test_rooms_whose_names_others_use_are_no_packages_by_themselves(room):
    # With an __init__.py, `python -m pytest` in the root would shadow Hugging Face's `datasets`.
    assert not (ROOT / room / "__init__.py").exists()


def test_a_package_called_datasets_is_not_shadowed_from_the_root(tmp_path):
    foreign = tmp_path / "datasets"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("WHO = 'hugging face'\n")
    # As `python -m pytest` does: the root is first on the path, the site folder after it.
    told = run(
        f"""
        import sys
        sys.path[:] = [{str(ROOT)!r}, {str(tmp_path)!r}, *sys.path]
        import datasets
        print(datasets.WHO)
        """
    )
    assert told.strip() == "hugging face"


def test_python_m_pytest_in_the_root_leaves_foreign_datasets_alone(tmp_path):
    foreign = tmp_path / "site" / "datasets"
    foreign.mkdir(parents=True)
    (foreign / "__init__.py").write_text("WHO = 'hugging face'\n")
    test = tmp_path / "test_it.py"
    test.write_text("import datasets\n\ndef test_it():\n    assert datasets.WHO\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_what_needs_no_physics_works_without_pybullet():
    told = run(
        """
        import sys
        sys.modules["pybullet"] = None  # an import of it fails
        import numpy as np
        import fleetloop.datasets.log.reader, fleetloop.datasets.log.writer
        import fleetloop.datasets.log.repair, fleetloop.loop.cli, fleetloop.loop.doctor
        from fleetloop.envs.sensors import SENSORS
        for kind in SENSORS:
            SENSORS.get(kind)(SENSORS.get(kind).CONFIG(name="x"))
        from fleetloop.envs.trace.raygrid import RayGrid, pinhole_directions
        from fleetloop.envs.trace.scene import Scene
        from fleetloop.envs.trace.shapes import Sphere
        from fleetloop.envs.trace.tracer import trace
        from fleetloop.envs.trace.view import View
        scene = Scene()
        scene.add(Sphere(1.0), (0, 0, 5))
        view = View(
            rays=RayGrid(pinhole_directions(33, 33, 30.0, 30.0, 16.0, 16.0)),
            position_m=np.zeros((1, 3)),
            rotation=np.eye(3)[None],
            outputs=frozenset({"depth"}),
        )
        print(float(trace([(scene, view)])[0]["depth"][16, 16]))
        """
    )
    assert float(told) == pytest.approx(4.0, abs=1e-5)


def test_physics_without_pybullet_says_what_to_install():
    told = run(
        """
        import sys
        sys.modules["pybullet"] = None
        from fleetloop.core.errors import MissingDependencyError
        from fleetloop.envs.registration import make_env
        try:
            make_env("fleetloop/LaneFollow-v0")
        except MissingDependencyError as error:
            print(error)
        """
    )
    assert "pip install pybullet" in told
    assert "3.11" in told


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("fleetloop.core.types", ("gymnasium", "pybullet", "numba", "cv2", "mcap", "rich")),
        ("fleetloop.envs", ("pybullet", "numba", "cv2")),
        ("fleetloop.datasets.log.reader", ("gymnasium", "pybullet", "numba")),
        ("fleetloop.loop.cli", ("gymnasium", "pybullet", "numba", "cv2")),
    ],
)
def test_imports_stay_light(module, heavy):
    told = run(f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])")
    assert told.strip() == "[]"


def test_the_lock_holds_what_the_project_asks_for():
    done = subprocess.run([sys.executable, "tools/check_lock.py"], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_files_stay_readable():
    """No file over 600 lines, no function over 60 without its docstring: split by idea."""
    for room in (*ROOMS, "benchmarks", "tools"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text()
            assert text.count("\n") <= 600, f"{path} is too long"
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    told = (ast.get_docstring(node) or "").count("\n") + 1
                    lines = (node.end_lineno or 0) - node.lineno + 1 - told
                    assert lines <= 60, f"{path}: {node.name} has {lines} lines"


def test_no_line_tells_of_a_machine():
    """Paths of one machine and registry hosts have no place in the project."""
    told = re.compile(r"(^|[^\w.])/(home|root|Users|work)/\w|https?://[^\s]*(pypi|mirror|proxy)")
    suffixes = (".py", ".toml", ".md", ".lock", ".sh", ".yml", ".cff")
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT).parts
        if path.suffix not in suffixes or inside[0].startswith(".") or inside[0] == "build":
            continue
        found = told.search(path.read_text(errors="ignore")) if path.is_file() else None
        assert not found, f"{path}: {found and found.group()}"
