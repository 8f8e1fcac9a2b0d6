/** Import and export: `GET /export`, `POST /import`. */

import { expect } from "bun:test";
import { SseDecoder } from "../lib/sse.ts";
import { bearer, inNamespace, writeCounted } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

async function exported(url: string, token: string, query = ""): Promise<string> {
  const answer = await fetch(`${url}/export${query}`, { headers: bearer(token) });
  expect(answer.headers.get("content-type")).toStartWith("application/x-ndjson");
  return answer.text();
}

async function imported(url: string, token: string, body: string): Promise<unknown[]> {
  const answer = await fetch(`${url}/import`, { method: "POST", headers: bearer(token), body });
  const items = new SseDecoder().push(await answer.text());
  return items.flatMap((item) => (item.kind === "event" ? [JSON.parse(item.data) as unknown] : []));
}

test.concurrent("an export imported elsewhere exports the same bytes", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    await writeCounted(client, "account-1", 5);
    await client.streamWrite("order-é", { type: "T", data: { b: [1.5, null], a: "😀" }, metadata: { x: 1 } });
    const lines = await exported(server.url, namespace.token);
    expect(lines.trimEnd().split("\n")).toHaveLength(6);
    expect(Object.keys(JSON.parse(lines.split("\n")[0] as string) as object).sort()).toEqual(
      ["data", "gpos", "id", "meta", "pos", "stream", "time", "type"],
    );
    await inNamespace(async (other, { namespace: target }) => {
      const answers = await imported(server.url, target.token, lines);
      expect(answers.at(-1)).toMatchObject({ done: true, imported: 6 });
      expect(await exported(server.url, target.token)).toBe(lines);
      expect(await other.streamGet("account-1")).toEqual(await client.streamGet("account-1"));
      const next = await other.streamWrite("account-1", { type: "T", data: {} });
      expect(next.position).toBe(5);
    });
    const orders = await exported(server.url, namespace.token, "?categories=order");
    expect(orders.trimEnd().split("\n")).toHaveLength(1);
  });
});

test.concurrent("POSITION_EXISTS: an import below the head, of which nothing stays", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    await writeCounted(client, "account-1", 2);
    const lines = await exported(server.url, namespace.token);
    const answers = await imported(server.url, namespace.token, lines);
    expect(answers.at(-1)).toMatchObject({ error: "POSITION_EXISTS", line: 1 });
    expect(await client.streamVersion("account-1")).toBe(1);
  });
});

test.concurrent("a broken import leaves nothing", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    await inNamespace(async (source, { namespace: from }) => {
      await writeCounted(source, "account-1", 3);
      const lines = await exported(server.url, from.token);
      const answers = await imported(server.url, namespace.token, `${lines}{"broken\n`);
      expect(answers.at(-1)).toMatchObject({ error: "INVALID_REQUEST", line: 4 });
      expect(await client.streamGet("account-1")).toEqual([]);
    });
  });
});
