"""A grant -> an official API client.

`google_auth`, `google_ads` and `ad_manager` import nothing of Google until one of their functions is called; a library
that is not installed is a `Misconfigured` that names the extra to install.
"""
