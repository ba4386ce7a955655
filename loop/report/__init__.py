"""The report of a campaign: one HTML file that opens from disk, with everything in it."""
