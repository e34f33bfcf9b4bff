"""Signing in with an OpenID Connect provider: authorization code with PKCE.

`settings` says which provider, `provider` speaks with it, `claims` turns what it says of somebody
into a user of ours.
"""
