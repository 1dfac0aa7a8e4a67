"""Google's APIs, one file each."""
