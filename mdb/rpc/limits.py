"""Limits of the RPC layer."""

# Data and metadata of one message together, in bytes (the contract's default).
MESSAGE_BYTES = 1 << 20
