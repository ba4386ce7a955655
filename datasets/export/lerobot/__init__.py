"""LeRobotDataset v3.0: parquet for numbers, MP4 for pictures, JSON for what they mean."""
