"""pycocotools: masks against boxes and areas, and AP of the annotations against themselves."""

import contextlib
import io
import sys
from pathlib import Path

import cv2
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

place = Path(sys.argv[1])
with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO(str(place / "annotations" / "instances.json"))
assert min(truth.getAnnIds(), default=1) >= 1
assert min(truth.getCatIds()) >= 1
assert min(truth.getImgIds()) >= 1
for annotation in truth.dataset["annotations"]:
    mask = truth.annToMask(annotation)
    rows, columns = np.nonzero(mask)
    left, top, width, height = annotation["bbox"]
    assert mask.sum() == annotation["area"]
    assert (left, top) == (columns.min(), rows.min())
    assert (width, height) == (columns.max() + 1 - left, rows.max() + 1 - top)
for image in truth.dataset["images"]:
    picture = cv2.imread(str(place / "images" / image["file_name"]))
    assert picture.shape[:2] == (image["height"], image["width"])
if not truth.anns:
    # An empty floor: there is nothing to hold against itself.
    print(f"{len(truth.imgs)} images, no annotations")
    raise SystemExit
found = [
    {k: a[k] for k in ("image_id", "category_id", "segmentation", "bbox")} | {"score": 1.0}
    for a in truth.dataset["annotations"]
]
scores = {}
with contextlib.redirect_stdout(io.StringIO()):
    guessed = truth.loadRes(found)
    for kind in ("segm", "bbox"):
        run = COCOeval(truth, guessed, kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
        scores[kind] = run.stats[0]
assert scores == {"segm": 1.0, "bbox": 1.0}, scores
print(f"{len(truth.imgs)} images, {len(truth.anns)} annotations, mask AP {scores['segm']:.3f}")
