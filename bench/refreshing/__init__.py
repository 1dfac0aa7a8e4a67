"""What a refresh costs: many callers of one expired token, a thousand due grants, and a provider that hangs."""
