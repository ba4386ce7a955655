"""Things to look at: vehicles, buildings, plants and people as looks, made in code."""
