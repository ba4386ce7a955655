"""Maps from above, and the command that draws them."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.draw import draw_network
from fleetloop.envs.maps.load import open_map
from fleetloop.envs.maps.sources import MAPS
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.loop.cli import build_app


def test_lanes_are_drawn_where_they_are(crossroads):
    network = crossroads().freeze()
    image = draw_network(network, largest_px=400, links=False)
    assert max(image.shape[:2]) == 400
    # The middle of the arm to the east is asphalt, a far corner is not.
    scale = 400 / (2 * 60 + 30)
    x, y = round((75 + 40.0) * scale), round((75 - 3.0) * scale)
    assert np.abs(image[y, x].astype(int) - image[y, x].mean()).max() < 8
    assert np.ptp(image[5, 5].astype(int)) > 20
    with pytest.raises(ConfigError):
        draw_network(network, largest_px=3)


def test_the_command_draws_a_town(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETLOOP_CACHE_DIR", str(tmp_path / "cache"))
    out = tmp_path / "town.png"
    done = CliRunner().invoke(
        build_app(), ["map", "--town", "3", "--blocks", "2", "--out", str(out), "--size", "300"]
    )
    assert done.exit_code == 0, done.output
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "fit for use" in done.output
    assert [entry.suffix for entry in (tmp_path / "cache" / "maps").iterdir()] == [".npz"]


@pytest.mark.parametrize("arguments", [["map"], ["map", "x.xodr", "--town", "1"],
                                       ["map", "notes.txt"]])  # fmt: skip
def test_the_command_refuses_what_is_no_map(arguments):
    done = CliRunner().invoke(build_app(), arguments)
    assert isinstance(done.exception, ConfigError)


def test_a_process_holds_a_map_once_and_a_second_one_reads_it_from_disk(tmp_path):
    config = TownConfig(seed=2, blocks_x=2, blocks_y=2)
    first = open_map("town", config, folder=tmp_path)
    assert open_map("town", config, folder=tmp_path) is first
    from fleetloop.envs.maps.cache import read_network

    (stored,) = tmp_path.iterdir()
    assert read_network(stored).digest() == first.digest()


def test_every_source_has_a_config():
    for name in MAPS:
        assert hasattr(MAPS.get(name), "CONFIG")
