"""pykitti.raw of every drive, and the benchmark's folders by their own rules."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pykitti

LEANS = {"drive": 0.0, "human": 0.25}
"""How far the 3D box, projected, may miss the 2D box, as a share of that box's longer side, beside
a pixel for the edges. A car and its camera stand upright, so the two agree. KITTI's 3D box turns
about one axis only: a sponge in a hand, seen by a head that looks down, leans by 44 to 51 degrees
to the camera and is drawn upright in its true size, which moves its edges by up to 0.23. With the
attitude of the log, which the format has no place for, the same boxes agree to half a pixel.
"""

place, name_of_logs = Path(sys.argv[1]), sys.argv[2]
frames = 0
for folder in sorted(place.glob("20*")):
    drive = pykitti.raw(str(place), folder.name, "0001")
    stamps = drive.timestamps
    assert all(a < b for a, b in itertools.pairwise(stamps)), "times do not rise"
    for k in range(len(drive)):
        assert drive.get_cam2(k).size[0] > 0
        if drive.velo_files:
            cloud = drive.get_velo(k)
            assert cloud.shape[1] == 4
            assert np.isfinite(cloud).all()
    frames += len(drive)
    assert np.allclose(drive.calib.P_rect_20[2], [0, 0, 1, 0])
training = place / "training"
names = sorted(path.stem for path in (training / "image_2").glob("*.png"))
assert len(names) == frames == len((place / "ImageSets" / "train.txt").read_text().split())
objects = inside = 0
for name in names:
    calib = dict(
        line.split(": ", 1)
        for line in (training / "calib" / f"{name}.txt").read_text().splitlines()
    )
    p2 = np.array(calib["P2"].split(), float).reshape(3, 4)
    for line in (training / "label_2" / f"{name}.txt").read_text().splitlines():
        parts = line.split()
        assert len(parts) == 15
        box = np.array(parts[4:8], float)
        height, width, length, x, y, z, heading = np.array(parts[8:15], float)
        assert -np.pi <= heading <= np.pi
        assert min(height, width, length) > 0
        corners = np.array(
            [[a * length / 2, -b * height, c * width / 2] for a in (1, -1) for b in (0, 1)
             for c in (1, -1)]
        )  # fmt: skip
        turn = np.array([[np.cos(heading), 0, np.sin(heading)], [0, 1, 0],
                         [-np.sin(heading), 0, np.cos(heading)]])  # fmt: skip
        local = corners @ turn.T + [x, y, z]
        objects += 1
        if local[:, 2].min() > 0.1 and float(parts[1]) == 0.0:
            pixels = (p2 @ np.c_[local, np.ones(8)].T).T
            pixels = pixels[:, :2] / pixels[:, 2:]
            inside += 1
            # KITTI's boxes end one pixel earlier.
            error = np.abs(np.r_[pixels.min(0), pixels.max(0) - 1.0] - box).max()
            limit = 1.0 + LEANS[name_of_logs] * (box[2:] - box[:2]).max()
            assert error < limit, (name, line, error)
drives = len(list(place.glob("20*")))
print(f"{drives} drives, {frames} frames, {objects} objects, {inside} boxes agree")
