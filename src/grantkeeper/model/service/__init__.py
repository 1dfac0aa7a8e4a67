"""What the service keeps beside grants: invitations, who may ask, who is told, what was done, how it goes."""
