"""The audit log: what was done, by whom, and that nothing of it is missing; and the end of a customer's data."""
