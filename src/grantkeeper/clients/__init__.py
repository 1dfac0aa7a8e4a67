"""A grant -> an official API client, or the `auth` of any HTTP client.

`google_auth`, `google_ads`, `ad_manager` and `google_api` import nothing of Google until one of their functions is
called, `bearer` no HTTP client; a library that is not installed is a `Misconfigured` that names the extra to install.
"""
