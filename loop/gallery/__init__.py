"""Pictures that show what the sensor core sees, beside those of PyBullet's own renderer."""
