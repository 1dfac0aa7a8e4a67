"""The audit log, and the end of a customer's data."""
