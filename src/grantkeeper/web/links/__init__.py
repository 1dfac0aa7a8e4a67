"""The pages that an invitation leads to."""
