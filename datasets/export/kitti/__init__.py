"""KITTI: raw drives as pykitti reads them, and the `training` folders of the object benchmark."""
