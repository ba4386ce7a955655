"""Windows hold what the log holds, at the right times, in order, shuffled and in workers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fleetloop.core.errors import ConfigError, MissingDependencyError, UnknownNameError
from fleetloop.datasets.loader import WindowConfig, Windows, torch_dataset
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import Recording

ALL = ("eye.rgb", "lidar.range_m", "eye.exposure_s", "gnss.altitude_m")


@pytest.fixture
def recording(made_up, tmp_path):
    for number in range(3):
        meta = replace(made_up.meta, episode_id=f"e{number}", seed=number)
        type(made_up)(seed=number).write_as(EpisodeWriter(tmp_path / "data", lossless=True), meta)
    return Recording(tmp_path / "data")


def newest(episode, sensor, t_ns):
    """What a robot knows: the newest sample that has arrived, by a plain search."""
    known = [s for s in episode.samples(sensor) if s.t_arrival_ns <= t_ns]
    return known[-1] if known else None


def test_causal_windows_hold_what_the_robot_knew(recording):
    windows = Windows(recording, WindowConfig(observe=ALL, rate_hz=20.0, history=3, horizon=2))
    assert len(windows) == 3 * 8
    for number, window in enumerate(windows):
        episode = recording[int(window["episode"])]
        t_ns = int(window["t_ns"])
        assert t_ns == (number % 8) * 50_000_000
        for signal in ALL:
            sensor, name = signal.split(".")
            assert window[signal].shape[0] == 3
            for back in range(3):
                at = t_ns - (2 - back) * 50_000_000
                sample = newest(episode, sensor, at)
                assert window[f"{signal}.valid"][back] == (at >= 0 and sample is not None)
                if at >= 0 and sample is not None:
                    assert window[signal][back].tobytes() == sample.data[name].tobytes()
        steps = list(episode.steps())
        for ahead in range(2):
            at = t_ns + ahead * 50_000_000
            acting = [s for s in steps if s.t_ns > at]
            assert window["step.action.valid"][ahead] == bool(acting)
            expected = (acting or steps[-1:])[0].action
            np.testing.assert_array_equal(window["step.action"][ahead], expected)


def test_windows_by_capture_interpolate_small_numbers(recording):
    config = WindowConfig(observe=("gnss.altitude_m", "eye.rgb"), rate_hz=40.0, causal=False)
    windows = Windows(recording, config)
    episode = recording[0]
    captured = episode.times_ns("gnss").astype(float)
    heights = [s.data["altitude_m"] for s in episode.samples("gnss")]
    for number in range(len(windows) // 3):
        window = windows[number]
        expected = np.interp(float(window["t_ns"]), captured, heights)
        np.testing.assert_allclose(window["gnss.altitude_m"][0], expected, rtol=1e-12)
        nearest = np.abs(episode.times_ns("eye") - int(window["t_ns"])).argmin()
        picture = episode.sample("eye", int(nearest), ["rgb"]).data["rgb"]
        np.testing.assert_array_equal(window["eye.rgb"][0], picture)


def test_any_order_gives_the_same_windows(recording):
    config = WindowConfig(observe=ALL, history=2, open_episodes=1)
    windows = Windows(recording, config)
    in_order = list(windows)
    for number in np.random.default_rng(0).permutation(len(windows)).tolist():
        again = windows[number]
        assert all(again[k].tobytes() == v.tobytes() for k, v in in_order[number].items())
        assert len(windows._open) == 1
    assert windows[-1]["t_ns"] == in_order[-1]["t_ns"]
    with pytest.raises(IndexError):
        windows[len(windows)]


def test_batches_shuffle_by_seed_and_leave_nothing_out(recording):
    windows = Windows(recording, WindowConfig(observe=("eye.exposure_s",), act=("step.reward",)))
    batches = list(windows.batches(5, seed=4))
    assert [len(batch["t_ns"]) for batch in batches] == [5, 5, 2]
    seen = [(e, t) for b in batches for e, t in zip(b["episode"], b["t_ns"], strict=True)]
    assert len(set(seen)) == len(windows) == 12
    again = [t for batch in windows.batches(5, seed=4) for t in batch["t_ns"]]
    assert again == [t for _, t in seen]
    assert again != [t for batch in windows.batches(5, seed=5) for t in batch["t_ns"]]
    rewards = [s.reward for e in recording for s in e.steps()]
    plain = np.concatenate([b["step.reward"][:, 0] for b in windows.batches(5)])
    np.testing.assert_array_equal(plain, rewards)


def test_stride_takes_every_other(recording):
    config = WindowConfig(observe=("eye.exposure_s",), stride=3)
    times = [int(w["t_ns"]) for w in Windows(recording, config)]
    assert times == [0, 300_000_000] * 3


def test_wrong_signals_are_told(recording):
    with pytest.raises(UnknownNameError, match="Did you mean 'rgb'"):
        Windows(recording, WindowConfig(observe=("eye.rbg",)))
    with pytest.raises(UnknownNameError):
        Windows(recording, WindowConfig(observe=("ear.rgb",)))
    with pytest.raises(ConfigError, match=r"sensor\.field"):
        WindowConfig(observe=("rgb",))
    with pytest.raises(ConfigError, match="history"):
        WindowConfig(observe=(), history=0)
    with pytest.raises(UnknownNameError):
        WindowConfig(observe=(), act=("step.truth",))


def test_without_torch_the_remedy_is_told(recording, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    windows = Windows(recording, WindowConfig(observe=("eye.rgb",)))
    with pytest.raises(MissingDependencyError, match=r"fleetloop\[train\]"):
        torch_dataset(windows)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_torch_data_loader_gives_the_same_windows(workers, recording):
    pytest.importorskip("torch")
    from torch.utils.data import DataLoader

    windows = Windows(recording, WindowConfig(observe=ALL, history=2))
    windows[0]
    loader = DataLoader(
        torch_dataset(windows), batch_size=4, num_workers=workers,
        multiprocessing_context="fork" if workers else None,
    )  # fmt: skip
    for batch, plain in zip(loader, windows.batches(4), strict=True):
        assert batch.keys() == plain.keys()
        for name, array in plain.items():
            np.testing.assert_array_equal(batch[name].numpy(), array)
