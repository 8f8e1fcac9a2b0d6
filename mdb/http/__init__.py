"""HTTP in front of the database: the listener, the RPC lane, and the Quart application.

The only package that knows Quart, Hypercorn and httptools.
"""
