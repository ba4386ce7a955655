"""From logs to a trained brain: shards with labels, losses, behaviour cloning."""
