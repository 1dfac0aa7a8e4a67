"""The page on which a person chooses, after the consent, which accounts to share."""
