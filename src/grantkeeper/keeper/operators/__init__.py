"""People of the business: who may look at and change things, and how they sign in."""
