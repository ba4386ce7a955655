"""The sensor core: shapes in, hits and shaded pixels out, on a plain CPU."""
