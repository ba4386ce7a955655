"""OpenStreetMap extracts to road networks."""
