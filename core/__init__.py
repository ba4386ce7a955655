"""Types, frames, time, randomness, schemas, registries and errors: what everything else speaks."""
