"""netconvert as an importer: a fake one that does all that it may do, and the real one if there."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from fleetloop.core.errors import ConfigError
from fleetloop.envs.maps.load import open_map
from fleetloop.envs.maps.osm.netconvert import OPTIONS, find_netconvert
from fleetloop.envs.maps.osm.source import OSM, OsmConfig
from fleetloop.envs.maps.validate import validate

EXTRACT = """<osm><node id="1" lat="52.5" lon="13.4"/><node id="2" lat="52.5" lon="13.402"/>
<way id="3"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way></osm>"""

ROAD = """<OpenDRIVE><header revMajor="1"/><road id="1" length="60" junction="-1"><link/><planView>
<geometry s="0" x="0" y="0" hdg="0" length="60"><line/></geometry></planView><lanes>
<laneSection s="0"><center><lane id="0" type="none"/></center><right><lane id="-1" type="driving">
<width sOffset="0" a="3.2" b="0" c="0" d="0"/></lane></right></laneSection></lanes></road>
</OpenDRIVE>
"""

FAKES = {
    "crashes": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "hangs": "import time; time.sleep(60)",
    "writes rubbish": "open('map.xodr', 'wb').write(bytes(range(256)) * 99)",
    "writes nothing": "print('nothing to do')",
    "fails": "import sys; print('Error: no edges'); sys.exit(1)",
    "writes an empty map": "open('map.xodr', 'w').write('<OpenDRIVE/>')",
}


def fake(folder: Path, monkeypatch, body: str) -> Path:
    """Puts an executable that runs `body` where netconvert is looked for."""
    path = folder / "sumo" / "bin" / "netconvert"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("SUMO_HOME", str(path.parents[1]))
    return path


def extract(folder: Path) -> Path:
    path = folder / "map.osm"
    path.write_text(EXTRACT)
    return path


@pytest.mark.parametrize("kind", FAKES)
def test_what_goes_wrong_is_told_and_the_own_importer_does_it(tmp_path, monkeypatch, kind):
    fake(tmp_path, monkeypatch, FAKES[kind])
    path = str(extract(tmp_path))
    found = OSM.build(OsmConfig(path=path, importer="auto", timeout_s=0.5)).freeze()
    assert validate(found).problems == ()
    assert len(found.lanes) > 2
    (told,) = [note for note in found.notes if "netconvert" in note]
    assert "own importer instead" in told
    assert told.count(" / ") == len(OPTIONS) - 1
    word = {"crashes": "-11", "hangs": "after 0.5 s", "fails": "no edges"}.get(kind, "")
    assert word in told


def test_who_asks_for_netconvert_gets_an_error_and_no_cache(tmp_path, monkeypatch):
    fake(tmp_path, monkeypatch, FAKES["crashes"])
    config = OsmConfig(path=str(extract(tmp_path)), importer="netconvert")
    with pytest.raises(ConfigError, match=r"map\.osm.*-11.*importer='own'"):
        open_map("osm", config, folder=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_without_it_the_remedy_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("SUMO_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if find_netconvert() is not None:
        pytest.skip("eclipse-sumo is installed")
    config = OsmConfig(path=str(extract(tmp_path)), importer="netconvert")
    with pytest.raises(ConfigError, match=r"fleetloop\[osm\]"):
        OSM.build(config)


def test_what_it_writes_is_read_and_it_sees_an_unpacked_copy_only(tmp_path, monkeypatch):
    body = (
        "import sys\n"
        "assert open('map.osm').read().startswith('<osm>')\n"
        "assert '--lefthand' in sys.argv\n"
        f"open('map.xodr', 'w').write('''{ROAD}''')"
    )
    executable = fake(tmp_path, monkeypatch, body)
    config = OsmConfig(path=str(extract(tmp_path)), importer="netconvert", left_hand="yes")
    assert OSM.inputs(config)[1] == executable
    found = OSM.build(config).freeze()
    assert found.left_hand
    assert len(found.lanes) == 1
    assert found.lanes.xyz_m[0, 1] == pytest.approx(-1.6)
    assert any("made by SUMO's netconvert" in note for note in found.notes)
    assert "OpenStreetMap" in found.licence
    assert found.source == "map.osm"


def test_a_later_set_of_options_may_do_what_the_first_did_not(tmp_path, monkeypatch):
    body = (
        "import os, signal, sys\n"
        "if '--crossings.guess' in sys.argv:\n"
        "    os.kill(os.getpid(), signal.SIGSEGV)\n"
        f"open('map.xodr', 'w').write('''{ROAD}''')"
    )
    fake(tmp_path, monkeypatch, body)
    found = OSM.build(OsmConfig(path=str(extract(tmp_path)), importer="auto")).freeze()
    assert len(found.lanes) == 1


def test_own_is_the_default_and_wrong_words_are_refused(tmp_path, monkeypatch):
    fake(tmp_path, monkeypatch, FAKES["crashes"])
    config = OsmConfig(path=str(extract(tmp_path)))
    assert OSM.inputs(config) == (Path(config.path),)
    assert not any("netconvert" in note for note in OSM.build(config).drafts.notes)
    with pytest.raises(ConfigError, match="importer"):
        OsmConfig(path="x", importer="other")
    with pytest.raises(ConfigError, match="timeout_s"):
        OsmConfig(path="x", timeout_s=0.0)


def real_maps() -> list[Path]:
    root = Path(__file__).parents[2]
    maps = Path(os.environ.get("FLEETLOOP_MAPS", root.parent / "shared" / "maps"))
    return sorted((maps / "osm").glob("*.osm*"))


@pytest.mark.skipif(find_netconvert() is None, reason="SUMO is not installed: fleetloop[osm]")
@pytest.mark.skipif(not real_maps(), reason="no OpenStreetMap extracts: set FLEETLOOP_MAPS")
@pytest.mark.parametrize("path", real_maps(), ids=lambda path: path.name)
def test_the_real_one_gives_a_map_or_the_own_importer_does(path):
    found = OSM.build(OsmConfig(path=str(path), importer="auto")).freeze()
    assert validate(found).problems == ()
    assert any("netconvert" in note for note in found.notes)
