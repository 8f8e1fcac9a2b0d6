"""Limits of the RPC layer."""

# Data and metadata of one message together, in bytes (the contract's default).
MESSAGE_BYTES = 1 << 20

# Calls that one request may hold.
PIPELINE_CALLS = 1000

# What of a pipeline's answer is collected before any of it is sent, in bytes; about the size of
# one page of a read, so that a pipeline of small calls has a Content-Length.
COLLECTED_BYTES = 1 << 20

# Seconds that one page of a streamed answer may take to be read.
PAGE_TIMEOUT = 30.0
