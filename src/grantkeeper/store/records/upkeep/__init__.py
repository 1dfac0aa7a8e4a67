"""Records of what a worker does: when grants are due, how OAuth clients do."""
