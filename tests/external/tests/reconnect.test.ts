import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageDBClient } from "../lib/client.ts";
import { following, pokes } from "../lib/follow.ts";
import {
  errorOf, inNamespace, startTestServer, unusedPort, until, withServer, within,
} from "../lib/helpers.ts";
import { relay } from "../lib/relay.ts";
import { test } from "../lib/testing.ts";

const MESSAGE = { type: "T", data: {} };

test.concurrent("a broken connection is resumed where it stood, none missing and none twice", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const line = await relay(server.port);
    try {
      const far = new MessageDBClient(line.url, { token: namespace.token });
      let reconnects = 0;
      const options = { category: "account", onReconnect: () => (reconnects += 1) };
      await following(far, options, async (subscription) => {
        const received: number[] = [];
        for (let round = 0; round < 4; round += 1) {
          for (let n = 0; n < 5; n += 1) await client.streamWrite(`account-${n}`, MESSAGE);
          received.push(...(await pokes(subscription, 3)).map((p) => p.position));
          line.cut();
          await client.streamWrite("account-between", MESSAGE);
          received.push(...(await pokes(subscription, 3)).map((p) => p.position));
        }
        expect(received).toEqual([0, 1, 2, 3].flatMap((round) => Array(6).fill(round)));
        expect(reconnects).toBe(4);
      });
    } finally {
      line.close();
    }
  });
});

test.concurrent("a subscription at the end loses nothing when it breaks before its first poke", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    await client.streamWrite("account-1", MESSAGE);
    const line = await relay(server.port);
    try {
      const far = new MessageDBClient(line.url, { token: namespace.token });
      await following(far, { stream: "account-1", position: "end" }, async (subscription) => {
        line.cut();
        await client.streamWrite("account-1", MESSAGE);
        expect((await pokes(subscription, 1)).map((p) => p.position)).toEqual([1]);
      });
    } finally {
      line.close();
    }
  });
});

test.concurrent("a restarted server goes on with its data, and subscribers resume", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mdb-external-restart-"));
  const port = await unusedPort();
  const options = { storage: "file", dataDir, port } as const;
  const first = await startTestServer(options);
  const client = new MessageDBClient(first.url, { token: first.adminToken });
  try {
    await following(client, { stream: "account-1" }, async (subscription) => {
      await client.streamWrite("account-1", MESSAGE);
      expect((await pokes(subscription, 1))[0]?.position).toBe(0);
      expect(await first.stop()).toBe(0);
      await withServer({ ...options, token: first.adminToken }, async () => {
        expect((await client.streamWrite("account-1", MESSAGE)).position).toBe(1);
        const [poke] = await pokes(subscription, 1);
        expect(poke?.position).toBe(1);
      });
    });
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test.concurrent("a killed server has every message that it answered", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mdb-external-kill-"));
  const options = { storage: "file", dataDir } as const;
  const answered: string[] = [];
  try {
    const first = await startTestServer(options);
    const client = new MessageDBClient(first.url, { token: first.adminToken });
    const writers = [...Array(8).keys()].map(async (n) => {
      for (;;) answered.push((await client.streamWrite(`account-${n}`, MESSAGE)).id);
    });
    const ends = Promise.allSettled(writers);
    await until("a hundred answers", () => answered.length > 100);
    await first.kill();
    await within("the writers to notice", ends);
    await withServer({ ...options, token: first.adminToken }, async (second) => {
      const again = new MessageDBClient(second.url, { token: first.adminToken });
      const stored = await again.categoryGet("account", { batchSize: -1 });
      const ids = new Set(stored.map((m) => m.id));
      expect(answered.filter((id) => !ids.has(id))).toEqual([]);
      for (let n = 0; n < 8; n += 1) {
        const positions = stored.filter((m) => m.streamName === `account-${n}`).map((m) => m.position);
        expect(positions).toEqual([...positions.keys()]);
      }
    });
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test.concurrent("a client without an answer says so", async () => {
  const client = new MessageDBClient(`http://127.0.0.1:${await unusedPort()}`);
  const failure = await client.systemVersion().then(
    () => null,
    (error: Error) => error,
  );
  expect(failure?.name).toBe("ConnectionError");
});

test.concurrent("a subscription that is refused for good ends with the server's reason", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const line = await relay(server.port);
    try {
      const far = new MessageDBClient(line.url, { token: namespace.token });
      const subscription = await far.subscribe({ all: true, retryMs: 50 });
      line.down();
      await client.deleteNamespace();
      line.up();
      const error = await errorOf(within("the refusal", subscription.next()));
      expect([error.code, error.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
    } finally {
      line.close();
    }
  });
});
