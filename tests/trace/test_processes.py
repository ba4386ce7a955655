"""Forked, spawned and fresh processes, cold and warm caches, homes that cannot be written."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from fleetloop.envs.trace.look import look
from fleetloop.envs.trace.material import Material
from fleetloop.envs.trace.scene import Scene
from fleetloop.envs.trace.shapes import Box, Cylinder, Plane, Sphere
from fleetloop.envs.trace.texture import Texture


def scene_of_boxes():
    scene = Scene()
    scene.add(Plane())
    scene.add(Box((0.3, 0.3, 0.3)), (2.0, 0.2, 0.3), (0.1, 0.2, 0.3, 1.0))
    scene.add(Sphere(0.4), (2.5, -0.8, 0.5))
    return scene


def squares():
    bright = np.indices((16, 16)).sum(axis=0)[..., None] % 2 * np.array([255, 200, 90])
    return Texture(bright.astype(np.uint8))


def picture(threads):
    """Digest of a picture that takes every stage of shading."""
    images = look(
        scene_of_boxes(),
        (-1.0, 0.0, 1.0),
        (2.0, 0.0, 0.3),
        width_px=320,
        height_px=240,
        threads=threads,
    )
    data = b"".join(np.ascontiguousarray(images[name]).tobytes() for name in sorted(images))
    return hashlib.sha256(data).hexdigest()


def report(queue, threads):
    queue.put(picture(threads))


def in_child(context, threads):
    queue = context.Queue()
    child = context.Process(target=report, args=(queue, threads))
    child.start()
    digest = queue.get(timeout=120)
    child.join(timeout=60)
    assert child.exitcode == 0
    return digest


def in_fresh_python(**environment):
    """Digest of the picture and the seconds of its first call, in a new interpreter."""
    code = textwrap.dedent(
        f"""
        import importlib.util, sys, time
        spec = importlib.util.spec_from_file_location("here", {__file__!r})
        here = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(here)
        began = time.process_time()
        print(here.picture(1), time.process_time() - began)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    digest, seconds = done.stdout.split()
    return digest, float(seconds)


# Python 3.12 warns of any fork of a process with threads; that is what is tried here.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_child_forked_after_threads_were_used_traces_the_same(threads):
    wanted = picture(2)
    context = multiprocessing.get_context("fork")
    assert in_child(context, threads) == wanted
    assert picture(2) == wanted  # and the parent's own threads live on


def test_a_scene_travels_to_spawned_workers():
    """As by `AsyncVectorEnv` and data loaders: a new interpreter gets a scene for each frame."""
    scene = scene_of_boxes()
    scene.add(Cylinder(0.2, 0.4), (1.5, 0.6, 0.4), material=Material(texture=squares()))
    start = scene.poses().position_m
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        answers = []
        for step in range(4):
            place = start[1:] + np.array([0.0, 0.1 * step, 0.0])
            turn = np.tile([0.0, 0.0, 0.0, 1.0], (len(place), 1))
            scene.set_poses(scene.handles[1:], place, turn)
            asked = (scene, (-1.0, 0.0, 1.0), (2.0, 0.0, 0.3))
            size = {"width_px": 160, "height_px": 120, "threads": 1 + step % 2}
            there = pool.apply_async(look, asked, size).get(timeout=120)
            answers.append((there, look(*asked, **size)))
    for there, here in answers:
        assert there.keys() == here.keys()
        assert all(np.array_equal(there[name], here[name]) for name in here)


def test_a_fresh_process_traces_the_same():
    assert in_fresh_python()[0] == picture(1)


@pytest.mark.long
def test_the_cache_of_kernels_is_kept_and_used(tmp_path):
    cold, cold_s = in_fresh_python(FLEETLOOP_CACHE_DIR=tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}
    assert kept
    warm, warm_s = in_fresh_python(FLEETLOOP_CACHE_DIR=tmp_path)
    assert cold == warm == picture(1)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")} == kept
    assert warm_s < 0.5 * cold_s


def test_another_installation_of_the_same_code_finds_the_same_cache(tmp_path):
    from fleetloop.envs.trace import jit, visibility

    copy = tmp_path / "visibility.py"
    with open(visibility.__file__, "rb") as source:
        copy.write_bytes(source.read())
    stamps = {jit._content_stamp(str(copy)), jit._content_stamp(visibility.__file__)}
    assert len(stamps) == 1
    copy.write_bytes(copy.read_bytes() + b"\n# changed\n")
    jit._content_stamp.cache_clear()
    assert jit._content_stamp(str(copy)) not in stamps


@pytest.mark.parametrize("home", ["a file where the home should be", "no home at all"])
def test_a_home_that_cannot_be_written_is_no_obstacle(tmp_path, home, monkeypatch):
    from fleetloop.envs.trace import jit

    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.delenv("FLEETLOOP_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(blocked if home.startswith("a file") else "/proc/none"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    root = jit.cache_root()
    assert root == tmp_path / f"fleetloop-kernels-{os.getuid()}"
