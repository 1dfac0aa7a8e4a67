"""What the database keeps beside grants and flows, each in a file of its own."""
