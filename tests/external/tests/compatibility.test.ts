/** The vectors measured on a genuine Message DB, asked over HTTP. Where they differ, API.md wins. */

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { calls, MessageDBClient, parseExact } from "../lib/client.ts";
import { exactValue } from "../lib/exact.ts";
import { bearer, errorOf, inNamespace, PROJECT, rawRpc, sharedServer } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

function vectors<T>(name: string): T {
  return parseExact(readFileSync(join(PROJECT, "tests/vectors", name), "utf8")) as T;
}

async function anyone(): Promise<MessageDBClient> {
  return new MessageDBClient((await sharedServer()).url);
}

// The contract's names have no control characters; Message DB's may.
const CONTROL = /[\u0000-\u001f\u007f]/;

test.concurrent("names.json: category, id, cardinal id, is category and hash of odd names", async () => {
  interface Name {
    readonly stream_name: string;
    readonly category: string;
    readonly id: string | null;
    readonly cardinal_id: string | null;
    readonly is_category: boolean;
    readonly hash_64: bigint | number;
  }
  const client = await anyone();
  const { vectors: names } = vectors<{ vectors: Name[] }>("names.json");
  expect(names.length).toBeGreaterThan(20);
  for (const name of names) {
    const given = name.stream_name;
    expect([given, await client.category(given)]).toEqual([given, name.category]);
    expect([given, await client.id(given)]).toEqual([given, name.id]);
    expect([given, await client.cardinalId(given)]).toEqual([given, name.cardinal_id]);
    expect([given, await client.isCategory(given)]).toEqual([given, name.is_category]);
    expect([given, await client.hash64(given)]).toEqual([given, BigInt(name.hash_64)]);
  }
});

test.concurrent("hash_64.json: hashes to the last digit", async () => {
  const client = await anyone();
  const { vectors: hashes } = vectors<{ vectors: { value: string; hash_64: bigint | number }[] }>(
    "hash_64.json",
  );
  expect(hashes.length).toBeGreaterThan(10);
  for (const { value, hash_64 } of hashes) {
    expect([value, await client.hash64(value)]).toEqual([value, BigInt(hash_64)]);
  }
});

test.concurrent("MDB003_2B_T3 consumer_groups.json: the same member reads the same stream", async () => {
  interface Stream {
    readonly stream_name: string;
    readonly member_by_size: Readonly<Record<string, number>>;
  }
  const all = vectors<{ vectors: Stream[] }>("consumer_groups.json").vectors;
  const streams = all.filter(({ stream_name }) => !CONTROL.test(stream_name));
  expect(streams.length).toBeGreaterThan(90);
  await inNamespace(async (client) => {
    const message = { type: "T", data: {} };
    await Promise.all(streams.map(({ stream_name }) => client.streamWrite(stream_name, message)));
    for (const size of [1, 2, 3, 4, 5, 8]) {
      for (let member = 0; member < size; member += 1) {
        const read = await client.categoryGet("cgv", { consumerGroup: { member, size } });
        const expected = streams
          .filter((s) => s.member_by_size[size] === member)
          .map((s) => s.stream_name);
        const got = read.map((m) => m.streamName);
        expect([size, member, got.sort()]).toEqual([size, member, expected.sort()]);
      }
    }
  });
});

test.concurrent("jsonb_text.json: data reads back as the same value", async () => {
  const { vectors: texts } = vectors<{ vectors: { in: string; out: string }[] }>("jsonb_text.json");
  expect(texts.length).toBeGreaterThan(20);
  await inNamespace(async (_client, { server, namespace }) => {
    const auth = bearer(namespace.token);
    for (const text of texts) {
      const request = `["stream.write","v-1",{"type":"T","data":${text.in}}]`;
      expect([text.in, (await rawRpc(server.url, request, auth)).status]).toEqual([text.in, 200]);
      const read = await rawRpc(server.url, '["stream.last","v-1"]', auth);
      expect([text.in, (exactValue(read.text) as unknown[])[4]]).toEqual([
        text.in, exactValue(text.out),
      ]);
    }
  });
});

interface Step {
  readonly label: string;
  readonly args: {
    readonly id: string | null;
    readonly stream_name: string | null | object;
    readonly type: string | null;
    readonly data: string | null;
    readonly metadata: string | null;
    readonly expected_version: number | bigint | null;
  };
  readonly result?: number;
  readonly error?: { readonly sqlstate: string; readonly message: string };
}

// What the contract decides otherwise than Message DB: it refuses, or it judges the id first.
const CONTRACT: Readonly<Record<string, string>> = {
  "expected -2 on missing stream": "INVALID_REQUEST",
  "bad uuid": "INVALID_REQUEST",
  "empty uuid": "INVALID_REQUEST",
  "uuid braces": "INVALID_REQUEST",
  "null stream": "INVALID_REQUEST",
  "empty stream": "INVALID_REQUEST",
  "null type": "INVALID_REQUEST",
  "empty type": "INVALID_REQUEST",
  "data invalid json": "INVALID_REQUEST",
  "data with \\u0000": "INVALID_REQUEST",
  "data lone surrogate": "INVALID_REQUEST",
  "data number": "INVALID_REQUEST", // for its metadata, which is no object
  "data string": "INVALID_REQUEST", // likewise
  "data array": "INVALID_REQUEST", // likewise
  "wrong version AND duplicate id: which wins": "MESSAGE_ID_CONFLICT",
  "wrong version AND bad uuid: which wins": "INVALID_REQUEST",
};
// No such thing over HTTP: an id left out is made, absent data is a fault of its own, names that
// are given in the vectors by their checksum only; and forms of a UUID the contract does not name.
const NOT_ASKED = /^(null id|data SQL null|long stream name|stream name 2700|uuid no dashes)/;

test.concurrent("write_message.json: positions, conflicts and their texts", async () => {
  const { steps } = vectors<{ steps: Step[] }>("write_message.json");
  await inNamespace(async (client, { server, namespace }) => {
    const next = new Map<string, number>();
    let asked = 0;
    for (const { label, args, result, error } of steps) {
      if (NOT_ASKED.test(label)) continue;
      asked += 1;
      const stream = args.stream_name as string;
      const options = `{"id":${JSON.stringify(args.id)},"expectedVersion":${args.expected_version}}`;
      const message = `{"type":${JSON.stringify(args.type)},"data":${args.data},"metadata":${args.metadata}}`;
      const request = `["stream.write",${JSON.stringify(stream)},${message},${options}]`;
      const answer = await rawRpc(server.url, request, bearer(namespace.token));
      const body = answer.body as { position?: number; error?: { code: string; message: string } };
      const contract = CONTRACT[label];
      if (contract !== undefined) {
        expect([label, body.error?.code]).toEqual([label, contract]);
      } else if (result !== undefined) {
        // As in the vectors, unless a step before was refused here and not there.
        expect([label, body.position]).toEqual([label, next.get(stream) ?? 0]);
        next.set(stream, (next.get(stream) ?? 0) + 1);
        if (stream === "wm-1") expect([label, body.position]).toEqual([label, result]);
      } else if (error?.sqlstate === "P0001") {
        expect([label, body.error]).toMatchObject([
          label, { code: "STREAM_VERSION_CONFLICT", message: error.message },
        ]);
      } else {
        expect([label, body.error?.code]).toEqual([label, "MESSAGE_ID_CONFLICT"]);
      }
    }
    expect(asked).toBeGreaterThan(30);
    expect(await client.streamVersion("wm-1")).toBe(3);
    expect(await client.streamVersion("wm-3")).toBeNull();
  });
});

interface Written {
  readonly n: number;
  readonly id: string;
  readonly stream_name: string;
  readonly type: string;
  readonly data: string | null;
  readonly metadata: string | null;
}

test.concurrent("get_functions.json: the same calls read the same rows", async () => {
  const file = vectors<{
    written: Written[];
    calls: { sql: string; rows?: unknown[][]; error?: object }[];
  }>("get_functions.json");
  const expected = (sql: string) => {
    const found = file.calls.find((c) => c.sql === sql);
    if (found === undefined) throw new Error(`no such vector: ${sql}`);
    return (found.rows ?? []).map((row) => row[4] as number | undefined);
  };
  await inNamespace(async (client) => {
    // Global position 1000 + n there is whatever the write answered here.
    const there = new Map<number, number>();
    for (const row of file.written) {
      const metadata = row.metadata === null ? null : (JSON.parse(row.metadata) as unknown);
      const object = typeof metadata === "object" && !Array.isArray(metadata) ? metadata : null;
      const written = await client.streamWrite(
        row.stream_name,
        {
          type: row.type,
          data: JSON.parse(row.data ?? "null"),
          metadata: object as Record<string, unknown> | null,
        },
        { id: row.id },
      );
      there.set(written.globalPosition, 1000 + row.n);
    }
    const here = (global: number) =>
      [...there].find(([, value]) => value === global)?.[0] as number;
    const group = (member: number, size: number) => ({ consumerGroup: { member, size } });
    const rows: [string, ReturnType<typeof calls.categoryGet | typeof calls.streamGet>][] = [
      ["get_category_messages('get')", calls.categoryGet("get")],
      ["get_category_messages('get',0)", calls.categoryGet("get", { position: 0 })],
      ["get_category_messages('get',1003)", calls.categoryGet("get", { position: here(1003) })],
      ["get_category_messages('get',1,0)", calls.categoryGet("get", { batchSize: 0 })],
      ["get_category_messages('missing')", calls.categoryGet("missing")],
      ["get_category_messages('get:command')", calls.categoryGet("get:command")],
      ["get_category_messages('get',0,1000,'corr')", calls.categoryGet("get", { correlation: "corr" })],
      ["get_category_messages('get',0,2,'corr')",
        calls.categoryGet("get", { correlation: "corr", batchSize: 2 })],
      ["get_category_messages('get',consumer_group_member=>0,consumer_group_size=>2)",
        calls.categoryGet("get", group(0, 2))],
      ["get_category_messages('get',consumer_group_member=>0,consumer_group_size=>1)",
        calls.categoryGet("get", group(0, 1))],
      ["get_category_messages('get',0,1000,'corr',1,2)",
        calls.categoryGet("get", { correlation: "corr", ...group(1, 2) })],
      ["get_stream_messages('get-1',0)", calls.streamGet("get-1")],
      ["get_stream_messages('get-1',1,1)", calls.streamGet("get-1", { position: 1, batchSize: 1 })],
      ["get_stream_messages('get-1',-3)", calls.streamGet("get-1", { position: -3 })],
      ["get_stream_messages('get-1',0,-1)", calls.streamGet("get-1", { batchSize: -1 })],
      ["get_stream_messages('get-')", calls.streamGet("get-")],
    ];
    for (const [sql, call] of rows) {
      const read = (await client.call<{ globalPosition: number }[]>(call)).map((m) =>
        there.get(m.globalPosition),
      );
      expect([sql, read]).toEqual([sql, expected(`select * from ${sql}`)]);
    }
    for (const [sql, last] of [
      ["get_last_stream_message('get-1')", await client.streamLast("get-1")],
      ["get_last_stream_message('get-1','missing')", await client.streamLast("get-1", { type: "missing" })],
      ["get_last_stream_message('get')", await client.streamLast("get")],
      ["get_last_stream_message('get-2+x')", await client.streamLast("get-2+x")],
    ] as const) {
      const read = last === null ? [] : [there.get(last.globalPosition)];
      expect([sql, read]).toEqual([sql, expected(`select * from ${sql}`)]);
    }
    for (const bad of [
      () => client.categoryGet("get", { batchSize: -2 }),
      () => client.categoryGet("get", { correlation: "corr-1" }),
      () => client.categoryGet("get", group(-1, 1)),
      () => client.categoryGet("get", group(2, 1)),
      () => client.categoryGet("get", group(0, -1)),
      () => client.categoryGet("get", group(0, 32_768)),
      () => client.streamGet("get-1", { batchSize: -2 }),
      () => client.streamGet(""),
    ]) {
      expect((await errorOf(bad())).code).toBe("INVALID_REQUEST");
    }
  });
});
