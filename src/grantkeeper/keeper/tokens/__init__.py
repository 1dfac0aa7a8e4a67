"""Access tokens: from memory, from the row, or by a refresh."""
