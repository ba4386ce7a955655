"""The page holds what the log holds, and a real browser shows it without a network."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fleetloop.core.errors import ConfigError, StorageError
from fleetloop.datasets.log.writer import EpisodeWriter
from fleetloop.datasets.recording import RecordedEpisode
from fleetloop.datasets.view.gather import ViewOptions, chosen, gather
from fleetloop.datasets.view.page import write_page
from fleetloop.datasets.view.sheet import write_sheet

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


def embedded(page: str) -> dict:
    """The data in a page, as a browser reads it."""
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert text is not None
    return json.loads(text.group(1))


def test_the_page_holds_pictures_points_boxes_plots_and_events(street, tmp_path):
    size = write_page(street, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert size == len(page.encode())
    data = embedded(page)
    (camera,) = data["cameras"]
    assert len(camera["pictures"]) == street.count("front") == len(camera["boxes"])
    assert base64.b64decode(camera["pictures"][2]) == street.encoded("front", 2, "rgb")[1]
    assert any(camera["boxes"])
    assert {line[0] for line in camera["lanes"][0]} == {"center", "left", "right"}
    assert all(len(line) % 2 == 1 for lines in camera["lanes"] for line in lines)
    (cloud,) = data["clouds"]
    raw = np.frombuffer(base64.b64decode(cloud["points"][1]), "<i2").reshape(-1, 3)
    sample = street.sample("lidar", 1)
    points = sample.data["point_m"][sample.data["valid"]]
    base = street.base_pose_at(sample.t_capture_ns)
    local = (base.inverse() @ sample.world_T_sensor).transform_points(points)
    step = -(-len(local) // 6000)
    np.testing.assert_allclose(raw * cloud["step"], local[::step], atol=0.006)
    assert any(box[1] == "robot" for box in cloud["boxes"][1])
    names = [plot["name"] for plot in data["plots"]]
    assert {"wheels.speed_m_s", "step.action", "step.reward", "steering.angle"} <= set(names)
    speeds = next(plot for plot in data["plots"] if plot["name"] == "wheels.speed_m_s")
    assert len(speeds["series"]) == 4
    borne = next(plot for plot in data["plots"] if "normal force" in plot["name"])
    assert borne["name"].endswith("wheel_fl, wheel_fr, wheel_rl, wheel_rr")
    weight_n = street.dynamics_record(0).mass_kg[street.dynamics_record(0).row("robot")] * 9.80665
    assert np.sum(borne["series"], axis=0)[-1] == pytest.approx(weight_n, rel=0.05)
    assert "dynamics.energy from the battery" in names
    assert data["end_s"] == pytest.approx(0.5)


def test_nothing_of_a_page_comes_from_elsewhere(street, tmp_path):
    write_page(street, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", page)
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_names_cannot_break_out_of_the_page(made_up, tmp_path):
    nasty = "</script><script>alert(1)</script><!--"
    made_up.records = [
        replace(r, events=tuple(replace(e, kind=nasty) for e in r.events))
        if hasattr(r, "events") else r
        for r in made_up.records
    ]  # fmt: skip
    writer = EpisodeWriter(tmp_path)
    made_up.write(writer)
    write_page(RecordedEpisode(writer.path("made-up-7")), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert nasty not in page
    assert embedded(page)["events"][0]["kind"] == nasty
    assert page.count("<script") == 2


def test_long_episodes_are_thinned_evenly_and_say_so(street):
    data = gather(street, ViewOptions(frames=3, width_px=80, points=100, samples=5))
    (camera,) = data["cameras"]
    assert len(camera["pictures"]) == 3 < camera["of"] == 6
    picture = cv2.imdecode(
        np.frombuffer(base64.b64decode(camera["pictures"][0]), np.uint8), cv2.IMREAD_COLOR
    )
    assert picture.shape == (60, 80, 3)
    points = np.frombuffer(base64.b64decode(data["clouds"][0]["points"][0]), "<i2")
    assert len(points) <= 300
    assert all(len(plot["t"]) <= 5 for plot in data["plots"])
    assert chosen(10, 3) == [0, 4, 9]
    assert chosen(2, 3) == [0, 1]
    with pytest.raises(ConfigError, match="frames"):
        ViewOptions(frames=0)


def test_a_contact_sheet_shows_every_camera_over_time(street, made_up, tmp_path):
    size = write_sheet(street, tmp_path / "sheet.png", columns=4, width_px=160)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert (sheet.shape[1], sheet.shape[0]) == size == (4 * 164, 120 + 20)
    # The first tile is the first picture, but for the scaling.
    first = street.sample("front", 0, ["rgb"]).data["rgb"][:, :, ::-1]
    small = cv2.resize(first, (160, 120), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(sheet[16:136, :160], small)
    schemas = {"gnss": made_up.schemas["gnss"]}
    writer = EpisodeWriter(tmp_path / "blind")
    writer.begin(made_up.meta, schemas)
    writer.end(made_up.outcome)
    with pytest.raises(ConfigError, match="no pictures"):
        write_sheet(RecordedEpisode(writer.path("made-up-7")), tmp_path / "none.png")


def test_a_page_that_cannot_be_written_is_told(street, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot write"):
        write_page(street, tmp_path / "file" / "page.html")


@pytest.mark.long
@pytest.mark.skipif(not BROWSER, reason="needs chromium")
def test_a_real_browser_shows_the_page(street, tmp_path):
    write_page(street, tmp_path / "page.html")
    url = f"{(tmp_path / 'page.html').as_uri()}#t=0.3"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,1200",
               "--virtual-time-budget=5000", f"--user-data-dir={tmp_path / 'profile'}"]  # fmt: skip
    dom = subprocess.run(
        [BROWSER, *options, "--dump-dom", url], capture_output=True, text=True, timeout=120
    ).stdout
    assert 'data-ready="yes"' in dom
    assert re.search(r'<output id="clock">0\.300 s</output>', dom)
    # Camera, both views of the cloud: each says which of its entries it has drawn.
    assert dom.count('data-drawn="3"') == 3
    subprocess.run(
        [BROWSER, *options, f"--screenshot={tmp_path / 'shot.png'}", url],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    shot = cv2.imread(str(tmp_path / "shot.png"))
    picture = street.sample("front", 3, ["rgb"]).data["rgb"][:, :, ::-1]
    # Somewhere on the page the camera's picture is shown, twice as large.
    patch = cv2.resize(picture[20:60, 20:60], None, fx=2, fy=2)
    found = cv2.matchTemplate(shot, patch, cv2.TM_SQDIFF_NORMED)
    assert found.min() < 0.02


@pytest.mark.long
@pytest.mark.skipif(not BROWSER, reason="needs chromium")
def test_a_drive_of_metres_moves_the_latitude_that_is_shown(street, tmp_path):
    write_page(street, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1]
    plot = {"name": "gnss.latitude", "unit": "deg", "t": [0.0, 0.5]}
    told = []
    for latitude in (37.28667831, 37.28666942):
        data = json.loads(text) | {"plots": [plot | {"series": [[latitude, 37.28667]]}]}
        (tmp_path / "page.html").write_text(page.replace(text, json.dumps(data)))
        dom = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
             "--virtual-time-budget=5000", f"--user-data-dir={tmp_path / 'profile'}",
             f"{(tmp_path / 'page.html').as_uri()}#t=0.0"],
            capture_output=True, text=True, timeout=120,
        ).stdout  # fmt: skip
        told.append(re.search(r"gnss\.latitude \[deg\].*?(37\.\d+)", dom, re.S)[1])
    assert told == ["37.2866783", "37.2866694"]
