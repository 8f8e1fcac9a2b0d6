"""The RPC lane: ``POST /rpc`` over HTTP/1.x served on the connection itself.

What is not ``POST /rpc`` leaves the lane at a request boundary, with every byte.
"""

from mdb.http.lane.conversation import Lane

__all__ = ["Lane"]
