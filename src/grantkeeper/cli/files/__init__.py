"""`import` and `export`: the files of Google's official libraries, and lists of refresh tokens."""
