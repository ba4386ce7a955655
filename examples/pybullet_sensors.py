"""A camera and a LiDAR for your own PyBullet simulation: no window, no GPU, exact shadows."""

from pathlib import Path

import cv2
import pybullet
import pybullet_data

from fleetloop.envs.trace.look import look, sweep
from fleetloop.envs.trace.scene import Scene

client = pybullet.connect(pybullet.DIRECT)
pybullet.setAdditionalSearchPath(pybullet_data.getDataPath())
pybullet.setGravity(0, 0, -9.81)
pybullet.loadURDF("plane.urdf")
pybullet.loadURDF("r2d2.urdf", [0, 0, 0.5])
pybullet.loadURDF("racecar/racecar.urdf", [1.0, -0.8, 0.1])

scene = Scene.from_bullet(client)
for _ in range(240):
    pybullet.stepSimulation()
scene.sync()

images = look(scene, eye_m=(2.2, 1.2, 1.2), at_m=(0.3, -0.2, 0.4))
scan = sweep(scene, position_m=(1.5, 0.5, 0.6))
Path("out").mkdir(exist_ok=True)
cv2.imwrite("out/pybullet.png", images["rgb"][..., ::-1])
print("depth in the middle:", images["depth"][240, 320], "m;", scan["hit"].sum(), "LiDAR points")
