"""Commands about the service: who may ask, who is told, what was done."""
