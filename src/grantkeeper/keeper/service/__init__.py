"""What the service keeps: who may ask, who is told, what was done, how it goes."""
