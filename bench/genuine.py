from __future__ import annotations
from pathlib import Path
from bench.servers import database, psql
import os
B = Path(os.environ.get("GENUINE", "/work/tmp/bench/package/database"))
ORDER = ["roles/message-store", "schema/message-store", "tables/messages", "types/message"] + [f"functions/{n}" for n in (
"message-store-version hash-64 acquire-lock category is-category id cardinal-id stream-version write-message get-stream-messages get-category-messages get-last-stream-message").split()] + [f"indexes/{n}" for n in "messages-id messages-stream messages-category".split()]
def install_genuine(server, name):
    url = database(server, name)
    for f in ORDER:
        psql(server, name, (B / f"{f}.sql").read_text(), search_path="message_store,public")
    return url
