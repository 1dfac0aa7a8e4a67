"""OAuth 2.0 and OpenID Connect on the wire, as pure functions: a Request comes out, a Response goes in."""
