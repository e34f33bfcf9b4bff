"""Certificates: the built-in authority, others behind the same interface, and what is checked.

settings             every limit of it
names                attributes, extensions and keys of certificates
client_certificate   whether a charger's certificate is its own (security profile 3)
revocations          which certificates were revoked, from CRL files
files                keys and certificates on disk, mode 0600
local                the built-in authority: a root and a sub-CA in the data directory
requests             whether a signing request is one that we sign
authority            what any authority does
est                  an authority behind EST (RFC 7030)
renewal              when a certificate is renewed
contracts            contract certificates of ISO 15118 (Plug & Charge)
ocsp                 OCSP requests and responses (RFC 6960)
v2g_authority        signs what chargers show to cars, below a V2G root
v2g                  a V2G PKI for tests: root, CPO, MO, contracts
desk                 signing requests of chargers, in the ledger
"""
