"""What it takes to find out which accounts a grant reaches."""
