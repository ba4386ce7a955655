"""Requests in words: what people say, and what it asks of which robot."""
