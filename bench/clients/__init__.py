"""What official clients cost."""
