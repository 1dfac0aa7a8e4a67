"""Invitations to grant: made, followed, confirmed, withdrawn."""
