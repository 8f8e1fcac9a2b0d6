import { expect } from "bun:test";
import { calls } from "../lib/client.ts";
import { bearer, errorOf, inNamespace, rawRpc } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const MESSAGE = { type: "T", data: {} };

test.concurrent("a pipeline runs in order, each call sees those before it", async () => {
  await inNamespace(async (client) => {
    const [write, version, read, hash] = await client.pipeline([
      calls.streamWrite("account-1", MESSAGE),
      calls.streamVersion("account-1"),
      calls.streamGet("account-1"),
      calls.hash64("account-123"),
    ]);
    expect(write).toMatchObject({ ok: true, value: { position: 0 } });
    expect(version).toEqual({ ok: true, value: 0 });
    expect(read.ok && read.value.map((m) => m.position)).toEqual([0]);
    expect(hash).toEqual({ ok: true, value: 2828383952216582226n });
  });
});

test.concurrent("a failing call of a pipeline fails alone", async () => {
  await inNamespace(async (client) => {
    const answers = await client.pipeline([
      calls.streamWrite("account-1", MESSAGE),
      calls.streamWrite("account-1", MESSAGE, { expectedVersion: 7 }),
      calls.categoryGet("a-b"),
      calls.streamWrite("account-1", MESSAGE),
    ]);
    expect(answers.map((a) => (a.ok ? a.value : a.error.code))).toEqual([
      expect.objectContaining({ position: 0 }), "STREAM_VERSION_CONFLICT", "INVALID_REQUEST",
      expect.objectContaining({ position: 1 }),
    ]);
  });
});

test.concurrent("a pipeline of a thousand is answered, more or none is refused", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const write = calls.streamWrite("account-1", MESSAGE);
    const answers = await client.pipeline(Array(1_000).fill(write) as (typeof write)[]);
    expect(answers.map((a) => a.ok && a.value.position)).toEqual([...Array(1_000).keys()]);
    const many = JSON.stringify(Array(1_001).fill(["sys.version"]));
    for (const body of [many, "[[]]"]) {
      const { status } = await rawRpc(server.url, body, bearer(namespace.token));
      expect([body.slice(0, 20), [200, 400].includes(status)]).toEqual([body.slice(0, 20), true]);
      if (body === many) expect(status).toBe(400);
    }
  });
});

test.concurrent("batchSize -1 is refused inside a pipeline", async () => {
  await inNamespace(async (client) => {
    const [read] = await client.pipeline([calls.streamGet("a-1", { batchSize: -1 })]);
    expect(read.ok === false && read.error.code).toBe("INVALID_REQUEST");
  });
});

test.concurrent("a pipeline needs the token once", async () => {
  await inNamespace(async (_client, { server }) => {
    const body = JSON.stringify([["sys.version"], ["util.category", "a-1"]]);
    const answer = await rawRpc(server.url, body);
    expect(answer.status).toBe(200);
    expect((answer.body as unknown[])[1]).toEqual({ result: "a" });
  });
});

test.concurrent("pipelines of many callers do not mix", async () => {
  await inNamespace(async (client) => {
    const one = async (n: number) => {
      const write = calls.streamWrite(`account-${n}`, { type: "T", data: n });
      const answers = await client.pipeline([write, write, calls.streamGet(`account-${n}`)]);
      const read = answers[2];
      return read.ok && read.value.map((m) => m.data);
    };
    const results = await Promise.all([...Array(20).keys()].map(one));
    expect(results).toEqual([...Array(20).keys()].map((n) => [n, n]));
    const bad = errorOf(client.pipeline([]));
    expect((await bad).code).toBe("INVALID_REQUEST");
  });
});
