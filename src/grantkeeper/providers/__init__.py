"""Authorization servers as data, with what is peculiar to each."""
