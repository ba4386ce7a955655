"""What `fleetloop bench` measures: sensors beside their rivals, environments, kernels' health."""
