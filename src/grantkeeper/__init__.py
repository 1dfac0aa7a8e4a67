"""Get and keep API access on behalf of a business's clients."""
