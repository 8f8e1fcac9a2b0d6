/** The npm package `eventsource`, an EventSource for Node.js, follows as it comes. */

import { expect } from "bun:test";
import { EventSource } from "eventsource";
import { inNamespace, until } from "../lib/helpers.ts";
import { relay } from "../lib/relay.ts";
import { test } from "../lib/testing.ts";

const MESSAGE = { type: "T", data: {} };

/** Follow until the end of `body`, which gets the global positions told so far. */
async function listening<T>(
  source: EventSource,
  body: (seen: number[]) => Promise<T>,
): Promise<T> {
  const seen: number[] = [];
  source.addEventListener("poke", (event) => {
    const { globalPosition } = JSON.parse(event.data) as { globalPosition: number };
    expect(event.lastEventId).toBe(String(globalPosition));
    seen.push(globalPosition);
  });
  try {
    return await body(seen);
  } finally {
    source.close();
  }
}

test.concurrent("it follows with the token in the query", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    await client.streamWrite("account-1", MESSAGE);
    const query = `category=account&token=${namespace.token}`;
    await listening(new EventSource(`${server.url}/subscribe?${query}`), async (seen) => {
      await until("the history", () => seen.length === 1);
      const { globalPosition } = await client.streamWrite("account-2", MESSAGE);
      await until("what came after it", () => seen.length === 2);
      expect(seen[1]).toBe(globalPosition);
    });
  });
});

test.concurrent("it resumes by itself after its connection broke, none missing and none twice", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const line = await relay(server.port);
    const authorized = (input: string | URL | Request, init?: RequestInit) =>
      fetch(input, {
        ...init,
        headers: { ...init?.headers, authorization: `Bearer ${namespace.token}` },
      });
    const source = new EventSource(`${line.url}/subscribe?all=true`, {
      fetch: authorized as typeof fetch,
    });
    try {
      await listening(source, async (seen) => {
        const written: number[] = [];
        const write = async (stream: string) =>
          written.push((await client.streamWrite(stream, MESSAGE)).globalPosition);
        for (let round = 0; round < 3; round += 1) {
          await write(`account-${round}`);
          await until("the poke", () => seen.length === written.length);
          line.cut();
          await write("between-1");
          await until("the poke of what came between", () => seen.length === written.length);
        }
        expect(seen).toEqual(written);
      });
    } finally {
      line.close();
    }
  });
});
