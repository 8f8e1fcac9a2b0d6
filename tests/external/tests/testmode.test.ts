/** Test mode: always in memory, whatever storage the run was asked for. */

import { expect } from "bun:test";
import { makeToken, MessageDBClient } from "../lib/client.ts";
import { eventStream, isEvent, isReady } from "../lib/follow.ts";
import { errorOf, rawRpc, sharedServer, uniqueId, withServer } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const MEMORY = { storage: "memory" } as const;
const MESSAGE = { type: "T", data: {} };
const WRITE = JSON.stringify(["stream.write", "account-1", MESSAGE]);

test.concurrent("MDB003_3B_T4 a call without a token gets a fresh namespace of its own", async () => {
  const { url } = await sharedServer("memory");
  const one = new MessageDBClient(url);
  const two = new MessageDBClient(url);
  expect((await one.streamWrite("account-1", MESSAGE)).position).toBe(0);
  expect((await two.streamWrite("account-1", MESSAGE)).position).toBe(0);
  expect(one.namespace).not.toBe(two.namespace);
  expect((await one.streamWrite("account-1", MESSAGE)).position).toBe(1);
  expect(await two.streamVersion("account-1")).toBe(0);
});

test.concurrent("MDB003_3B_T4 a hundred first calls at once get a hundred namespaces", async () => {
  const { url } = await sharedServer("memory");
  const answers = await Promise.all(Array.from({ length: 100 }, () => rawRpc(url, WRITE)));
  expect(answers.map((a) => a.status)).toEqual(Array(100).fill(200));
  const positions = answers.map((a) => (a.body as { position: number }).position);
  expect(positions).toEqual(Array(100).fill(0));
  const tokens = new Set(answers.map((a) => a.headers.get("x-messagedb-token")));
  expect(tokens.size).toBe(100);
  expect(tokens).not.toContain(null);
});

test.concurrent("MDB003_3B_T4 utilities and bad calls create nothing", async () => {
  await withServer(MEMORY, async ({ url, adminToken }) => {
    const admin = new MessageDBClient(url, { token: adminToken });
    const requests = [
      '["sys.version"]', '["sys.health"]', '["util.category","a-1"]',
      "nonsense", "[]", '["stream.fly"]', '["stream.write","account-1"]', '["stream.get",7]',
    ];
    for (const request of requests) {
      const { headers } = await rawRpc(url, request);
      expect([request, headers.get("x-messagedb-token")]).toEqual([request, null]);
    }
    expect((await admin.listNamespaces()).map((n) => n.namespace)).toEqual(["default"]);
  });
});

test.concurrent("MDB003_3B_T4 a well-formed token of an unknown namespace creates it", async () => {
  const { url } = await sharedServer("memory");
  const id = uniqueId();
  const client = new MessageDBClient(url, { token: makeToken(id) });
  await client.streamWrite("account-1", MESSAGE);
  expect((await client.namespaceInfo()).namespace).toBe(id);
  const thief = new MessageDBClient(url, { token: makeToken(id) });
  const error = await errorOf(thief.streamGet("account-1"));
  expect([error.code, error.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
  await client.deleteNamespace();
  const late = await errorOf(client.streamGet("account-1"));
  expect([late.code, late.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
});

test.concurrent("the first call without a token joins a subscription without one, once", async () => {
  await withServer(MEMORY, async ({ url }) => {
    const stream = await eventStream(url, "all=true");
    try {
      const token = stream.response.headers.get("x-messagedb-token");
      expect(token).toStartWith("ns_");
      await stream.upTo("ready", isReady);
      await rawRpc(url, '["sys.version"]');
      const joined = await rawRpc(url, WRITE);
      expect(joined.headers.get("x-messagedb-token")).toBe(token);
      await stream.upTo("the poke of the call that joined", isEvent("poke"));
      const alone = await rawRpc(url, WRITE);
      expect(alone.headers.get("x-messagedb-token")).not.toBe(token);
      expect((alone.body as { position: number }).position).toBe(0);
    } finally {
      stream.close();
    }
  });
});

test.concurrent("the client subscribes in the namespace of its own calls", async () => {
  const { url } = await sharedServer("memory");
  const client = new MessageDBClient(url);
  const subscription = await client.subscribe({ stream: "account-1" });
  expect(client.token).not.toBeNull();
  await new MessageDBClient(url).streamWrite("account-1", MESSAGE);
  const { globalPosition } = await client.streamWrite("account-1", MESSAGE);
  expect((await subscription.next()).value?.globalPosition).toBe(globalPosition);
  subscription.close();
});

test.concurrent("any origin may call in test mode, and sees the token's header", async () => {
  const { url } = await sharedServer("memory");
  const { headers } = await rawRpc(url, WRITE, { origin: "http://page.example" });
  expect(["*", "http://page.example"]).toContain(headers.get("access-control-allow-origin") ?? "");
  const exposed = headers.get("access-control-expose-headers")?.toLowerCase() ?? "";
  expect(exposed).toContain("x-messagedb-token");
  expect(exposed).toContain("x-request-id");
  const preflight = await fetch(`${url}/rpc`, {
    method: "OPTIONS",
    headers: {
      origin: "http://page.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  });
  expect(preflight.ok).toBe(true);
  const allowed = preflight.headers.get("access-control-allow-headers")?.toLowerCase() ?? "";
  expect(allowed).toContain("authorization");
});
