"""What sensors see of a road network: meshes by tile and material, made once and shared."""
