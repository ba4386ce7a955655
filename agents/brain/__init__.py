"""One policy for all bodies: inputs to tokens, a small transformer, a head a body."""
