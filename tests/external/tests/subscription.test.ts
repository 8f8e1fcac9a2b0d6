import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { eventStream, following, isEvent, isReady, pokes } from "../lib/follow.ts";
import {
  bearer, errorOf, inNamespace, sharedServer, until, withServer, within, writeCounted,
} from "../lib/helpers.ts";
import { MessageDBClient } from "../lib/client.ts";
import { test } from "../lib/testing.ts";

const MESSAGE = { type: "T", data: {} };

test.concurrent("MDB003_3A_T1 a stream's subscription receives pokes", async () => {
  await inNamespace(async (client) => {
    await following(client, { stream: "account-1" }, async (subscription) => {
      const { globalPosition } = await client.streamWrite("account-1", MESSAGE);
      const [poke] = await pokes(subscription, 1);
      expect(poke).toEqual({ stream: "account-1", position: 0, globalPosition });
    });
  });
});

test.concurrent("MDB003_3A_T1 the wire has the contract's frames", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const query = "stream=account-1";
    const stream = await eventStream(server.url, query, bearer(namespace.token));
    try {
      expect(stream.response.status).toBe(200);
      expect(stream.response.headers.get("content-type")).toStartWith("text/event-stream");
      const opening = await stream.upTo("ready", isReady);
      expect(opening).toContainEqual({ kind: "retry", milliseconds: 1000 });
      const { globalPosition } = await client.streamWrite("account-1", MESSAGE);
      const poke = (await stream.upTo("a poke", isEvent("poke"))).at(-1);
      expect(poke).toEqual({
        kind: "event",
        event: "poke",
        id: String(globalPosition),
        data: JSON.stringify({ stream: "account-1", position: 0, globalPosition }),
      });
    } finally {
      stream.close();
    }
  });
});

test.concurrent("MDB003_3A_T2 a poke has the positions that the write answered", async () => {
  await inNamespace(async (client) => {
    await writeCounted(client, "account-1", 3);
    await following(client, { stream: "account-1", position: "end" }, async (subscription) => {
      for (const expected of [3, 4, 5]) {
        const { position, globalPosition } = await client.streamWrite("account-1", MESSAGE);
        expect(position).toBe(expected);
        const answer = { stream: "account-1", position, globalPosition };
        expect(await pokes(subscription, 1)).toEqual([answer]);
      }
    });
  });
});

test.concurrent("MDB003_3A_T3 many messages are poked each once, in order", async () => {
  await inNamespace(async (client) => {
    await following(client, { category: "account" }, async (subscription) => {
      const write = (n: number) => client.streamWrite(`account-${n % 7}`, { type: "T", data: n });
      await Promise.all([...Array(300).keys()].map(write));
      const received = (await pokes(subscription, 300)).map((p) => p.globalPosition);
      const stored = await client.categoryGet("account", { batchSize: -1 });
      expect(received).toEqual(stored.map((m) => m.globalPosition));
      const { globalPosition } = await client.streamWrite("account-x", MESSAGE);
      expect((await pokes(subscription, 1))[0]?.globalPosition).toBe(globalPosition);
    });
  });
});

test.concurrent("MDB003_3A_T3 nothing is missed or doubled between history and live", async () => {
  await inNamespace(async (client) => {
    let written = 0;
    let enough = false;
    const writer = (async () => {
      while (!enough) {
        await client.streamWrite(`account-${written % 5}`, MESSAGE);
        written += 1;
      }
    })();
    await until("a history to catch up with", () => written > 50);
    const received: number[] = [];
    await following(client, { all: true }, async (subscription) => {
      const first = await pokes(subscription, written);
      received.push(...first.map((p) => p.globalPosition));
      enough = true;
      await writer;
      const rest = await pokes(subscription, written - received.length);
      received.push(...rest.map((p) => p.globalPosition));
    });
    const stored = await client.categoryGet("account", { batchSize: -1 });
    expect(received).toEqual(stored.map((m) => m.globalPosition));
  });
});

test.concurrent("MDB003_3A_T4 a subscription begins at a position", async () => {
  await inNamespace(async (client) => {
    await writeCounted(client, "account-1", 6);
    const stored = await client.streamGet("account-1");
    await following(client, { stream: "account-1", position: 4 }, async (subscription) => {
      expect((await pokes(subscription, 2)).map((p) => p.position)).toEqual([4, 5]);
    });
    const global = stored[3]?.globalPosition as number;
    for (const scope of [{ category: "account" }, { all: true }] as const) {
      await following(client, { ...scope, position: global }, async (subscription) => {
        expect((await pokes(subscription, 3)).map((p) => p.position)).toEqual([3, 4, 5]);
      });
    }
    await following(client, { stream: "account-1" }, async (subscription) => {
      expect((await pokes(subscription, 6)).map((p) => p.position)).toEqual([0, 1, 2, 3, 4, 5]);
    });
  });
});

test.concurrent("MDB003_3A_T4 position=end skips what is stored", async () => {
  await inNamespace(async (client) => {
    await writeCounted(client, "account-1", 4);
    for (const scope of [{ stream: "account-1" }, { category: "account" }, { all: true }] as const) {
      await following(client, { ...scope, position: "end" }, async (subscription) => {
        const { globalPosition } = await client.streamWrite("account-1", MESSAGE);
        expect((await pokes(subscription, 1))[0]?.globalPosition).toBe(globalPosition);
      });
    }
  });
});

test.concurrent("MDB003_3A_T4 Last-Event-ID resumes above it and wins over position", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    await writeCounted(client, "account-1", 5);
    const at = (await client.streamGet("account-1")).map((m) => m.globalPosition);
    const id = String(at[2]);
    const auth = bearer(namespace.token);
    const ways = [
      { query: `stream=account-1&lastEventId=${id}`, headers: auth },
      { query: "stream=account-1", headers: { ...auth, "last-event-id": id } },
      { query: "category=account&position=1", headers: { ...auth, "last-event-id": id } },
      { query: `all=true&position=end&lastEventId=${id}`, headers: auth },
    ];
    for (const { query, headers } of ways) {
      const stream = await eventStream(server.url, query, headers);
      try {
        const met = await stream.upTo("the last poke", (i) => "id" in i && i.id === String(at[4]));
        const ids = met.filter(isEvent("poke")).map((item) => ("id" in item ? item.id : ""));
        expect([query, ids]).toEqual([query, [String(at[3]), String(at[4])]]);
      } finally {
        stream.close();
      }
    }
  });
});

test.concurrent("an id above the head is reset, then pokes start over", async () => {
  await inNamespace(async (client) => {
    await writeCounted(client, "account-1", 2);
    let resets = 0;
    const options = { stream: "account-1", lastEventId: 1_000_000, onReset: () => (resets += 1) };
    await following(client, options, async (subscription) => {
      expect((await pokes(subscription, 2)).map((p) => p.position)).toEqual([0, 1]);
      expect(resets).toBe(1);
    });
  });
});

test.concurrent("MDB003_3A_T5 a category's subscription follows all of its streams and no other", async () => {
  await inNamespace(async (client) => {
    await following(client, { category: "account" }, async (subscription) => {
      for (const name of ["account-1", "order-1", "account-2", "accounts-1", "account"]) {
        await client.streamWrite(name, MESSAGE);
      }
      const streams = (await pokes(subscription, 3)).map((p) => p.stream);
      expect(streams).toEqual(["account-1", "account-2", "account"]);
    });
  });
});

test.concurrent("MDB003_3A_T5 consumer groups share a category's pokes without overlap", async () => {
  await inNamespace(async (client) => {
    const names = [...Array(24).keys()].map((n) => `account-${n}`);
    const owned = await Promise.all(
      [0, 1, 2].map(async (member) => {
        const consumerGroup = { member, size: 3 };
        return following(client, { category: "account", consumerGroup }, async (subscription) => {
          if (member === 0) await Promise.all(names.map((n) => client.streamWrite(n, MESSAGE)));
          await until("all streams to be written", async () =>
            (await client.categoryGet("account")).length === names.length,
          );
          const own = await client.categoryGet("account", { consumerGroup });
          const received = await pokes(subscription, own.length);
          expect(received.map((p) => p.globalPosition)).toEqual(own.map((m) => m.globalPosition));
          return received.map((p) => p.stream);
        });
      }),
    );
    expect(owned.flat().sort()).toEqual(names.sort());
  });
});

test.concurrent("MDB003_3A_T5 a correlated subscription is filtered", async () => {
  await inNamespace(async (client) => {
    await following(client, { category: "account", correlation: "order" }, async (subscription) => {
      for (const correlationStreamName of ["order-1", "orders-1", "other", "order-2"]) {
        const metadata = { correlationStreamName };
        await client.streamWrite(`account-${correlationStreamName}`, { ...MESSAGE, metadata });
      }
      const streams = (await pokes(subscription, 2)).map((p) => p.stream);
      expect(streams).toEqual(["account-order-1", "account-order-2"]);
    });
  });
});

test.concurrent("MDB003_3A_T6 a category's poke names the stream", async () => {
  await inNamespace(async (client) => {
    await following(client, { category: "account" }, async (subscription) => {
      const first = await client.streamWrite("account-é😀+x", MESSAGE);
      const second = await client.streamWrite("account-2", MESSAGE);
      const expected = [["account-é😀+x", first], ["account-2", second]] as const;
      expect(await pokes(subscription, 2)).toEqual(
        expected.map(([stream, { position, globalPosition }]) => ({
          stream, position, globalPosition,
        })),
      );
    });
  });
});

test.concurrent("MDB003_3A_T7 closing a subscription ends its iteration and later ones are unhurt", async () => {
  await inNamespace(async (client) => {
    const subscription = await client.subscribe({ stream: "account-1" });
    const waiting = subscription.next();
    subscription.close();
    expect(await within("the iteration to end", waiting)).toEqual({ value: undefined, done: true });
    expect(subscription.closed).toBe(true);
    const abort = new AbortController();
    const other = await client.subscribe({ stream: "account-1", signal: abort.signal });
    abort.abort();
    expect((await within("the aborted one to end", other.next())).done).toBe(true);
    await following(client, { stream: "account-1" }, async (third) => {
      await client.streamWrite("account-1", MESSAGE);
      expect(await pokes(third, 1)).toHaveLength(1);
    });
  });
});

// The kernel's own list of connections is what tells whether the server let go of them.
test.concurrent("MDB003_3A_T7 the server lets go of the connections of closed subscriptions", async () => {
  if (process.platform !== "linux") return;
  await withServer({}, async (server) => {
    const client = new MessageDBClient(server.url, { token: server.adminToken });
    const open = await Promise.all(
      [...Array(20).keys()].map((n) => client.subscribe({ stream: `account-${n}` })),
    );
    expect(serverConnections(server.port).length).toBeGreaterThanOrEqual(20);
    for (const subscription of open) subscription.close();
    await until("the server to close 20 connections", () =>
      // What may stay: connections that fetch keeps for the next call.
      serverConnections(server.port).length < 20,
    );
    expect(await client.streamVersion("account-1")).toBeNull();
  });
});

/** Server-side sockets on a local port that the server still holds: established, or half closed. */
function serverConnections(port: number): string[] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((field) => field[1]?.endsWith(local) && (field[3] === "01" || field[3] === "08"))
    .map((field) => field[2] as string);
}

test.concurrent("deleting the namespace ends its subscriptions with gone", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const raw = await eventStream(server.url, "all=true", bearer(namespace.token));
    await raw.upTo("ready", isReady);
    await following(client, { all: true }, async (subscription) => {
      const next = subscription.next().then(
        () => null,
        (error: Error) => error,
      );
      await client.deleteNamespace();
      expect((await within("the subscription to end", next))?.name).toBe("SubscriptionGoneError");
      const gone = (await raw.upTo("gone", isEvent("gone"))).at(-1);
      expect(gone).toMatchObject({ kind: "event", event: "gone" });
      expect(await raw.next()).toBeUndefined();
    });
  });
});

test.concurrent("a bad query is answered with a status before any event", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const bad = [
      "", "stream=a-1&category=a", "stream=a-1&all=true", "all=false", "stream=", "category=a-1",
      "stream=a-1&position=x", "stream=a-1&lastEventId=x", "category=a&consumer=0",
      "category=a&consumer=2&size=2", "stream=a-1&consumer=0&size=2",
      "category=a&correlation=b-1", "stream=a-1&correlation=b",
    ];
    for (const query of bad) {
      const stream = await eventStream(server.url, query, bearer(namespace.token));
      const { status } = stream.response;
      stream.close();
      expect([query, status]).toEqual([query, 400]);
    }
    const header = { ...bearer(namespace.token), "last-event-id": "x" };
    const stream = await eventStream(server.url, "stream=a-1", header);
    expect(stream.response.status).toBe(400);
    stream.close();
    const refused = await errorOf(client.subscribe({ category: "a-1" }));
    expect(refused.code).toBe("INVALID_REQUEST");
  });
});

test.concurrent("a subscription needs a valid token, in the header or in the query", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    await client.streamWrite("account-1", MESSAGE);
    const stream = await eventStream(server.url, `stream=account-1&token=${namespace.token}`);
    try {
      await stream.upTo("a poke", isEvent("poke"));
    } finally {
      stream.close();
    }
    const bad = await eventStream(server.url, "stream=account-1&token=nonsense");
    expect(bad.response.status).toBe(401);
    bad.close();
  });
  const { url } = await sharedServer();
  const client = new MessageDBClient(url, { token: "nonsense" });
  const error = await errorOf(client.subscribe({ all: true }));
  expect([error.code, error.status]).toEqual(["AUTH_INVALID_TOKEN", 401]);
});

test.concurrent("a silent connection is kept alive with comments", async () => {
  await inNamespace(async (_client, { server, namespace }) => {
    const stream = await eventStream(server.url, "all=true", bearer(namespace.token));
    try {
      await stream.upTo("ready", isReady);
      expect(await stream.next()).toEqual({ kind: "comment", text: "keep-alive" });
    } finally {
      stream.close();
    }
  });
});

test.concurrent("a subscriber that reads nothing holds up neither writers nor others", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const deaf = await eventStream(server.url, "all=true", bearer(namespace.token));
    try {
      await following(client, { all: true }, async (subscription) => {
        const name = `account-${"x".repeat(400)}`;
        const write = () => client.streamWrite(name, MESSAGE);
        for (let round = 0; round < 10; round += 1) {
          await Promise.all(Array.from({ length: 200 }, write));
        }
        const received = await pokes(subscription, 2_000);
        expect(received.map((p) => p.position)).toEqual([...Array(2_000).keys()]);
      });
    } finally {
      deaf.close();
    }
  });
});
