"""nuScenes v1.0: thirteen tables, pictures, LiDAR and radar files, as the devkit reads them."""
