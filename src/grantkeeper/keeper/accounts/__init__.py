"""What a grant reaches, and what of it is shared."""
