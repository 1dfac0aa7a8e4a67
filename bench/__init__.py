"""How fast grantkeeper hands out tokens, beside the bare parts and beside what others do for the same work."""
