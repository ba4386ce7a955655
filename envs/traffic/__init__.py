"""Other road users, as arrays that are advanced in one call and copied to be kept."""
