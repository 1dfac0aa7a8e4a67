"""Google's OAuth 2.0 server: authorization, tokens, identity."""
