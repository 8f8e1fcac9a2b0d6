/**
 * The error codes that a sound request earns: a slow client, a full queue, a database that is held
 * up, breaks, or vanishes. Every fault is a real one, on a server with its own database.
 */

import { Database as Sqlite } from "bun:sqlite";
import { expect } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { calls, MessageDBClient, MessageDBError } from "../lib/client.ts";
import {
  errorOf, exchange, PROJECT, type ServerOptions, type TestServer, until, withServer,
} from "../lib/helpers.ts";
import { createDatabase, type Database } from "../lib/postgres.ts";
import { type Proxy, startProxy } from "../lib/proxy.ts";
import { test } from "../lib/testing.ts";

const MESSAGE = { type: "T", data: {} };

// Requests of these servers have this many seconds; a write that was begun gets five more.
const HURRIED = ["--request-timeout=2"];

interface OnPostgres {
  readonly server: TestServer;
  readonly client: MessageDBClient;
  readonly database: Database;
  readonly proxy: Proxy;
  /** The messages of the namespace `default`, for statements. */
  readonly table: string;
}

/** A server, a client that has written `warm-1`, their database, and the stretch between them. */
async function onPostgres(
  args: readonly string[],
  body: (context: OnPostgres) => Promise<void>,
): Promise<void> {
  const database = await createDatabase();
  try {
    const proxy = await startProxy(database.url);
    try {
      await withServer({ storage: "postgres", dbUrl: proxy.url, args }, async (server) => {
        const client = new MessageDBClient(server.url, { token: server.adminToken });
        await client.streamWrite("warm-1", MESSAGE);
        const [row] = await database.run("select schema_name from mdb.namespaces");
        await body({ server, client, database, proxy, table: `"${row?.["schema_name"]}".messages` });
      });
    } finally {
      await proxy.close();
    }
  } finally {
    await database.drop();
  }
}

/** Run `body` while another session holds the table, so that nobody writes or reads it. */
async function whileLocked<T>({ database, table }: OnPostgres, body: () => Promise<T>): Promise<T> {
  const other = new SQL(database.url, { max: 1 });
  try {
    return await other.begin(async (session) => {
      await session.unsafe(`lock table ${table} in access exclusive mode`);
      return await body();
    });
  } finally {
    await other.close();
  }
}

/** The rows of a message id, asked past the server. */
async function stored({ database, table }: OnPostgres, id: string): Promise<number> {
  const rows = await database.run(`select 1 from ${table} where id = '${id}'`);
  return rows.length;
}

/** A data directory, and the files of its namespaces. */
async function onFiles(
  body: (dataDir: string, options: ServerOptions, files: () => string[]) => Promise<void>,
): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "mdb-external-faults-"));
  const files = () =>
    readdirSync(dataDir, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".db") && !path.endsWith("metadata.db"))
      .map((path) => join(dataDir, path));
  try {
    await body(dataDir, { storage: "file", dataDir }, files);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** What became of writes that were sent at the same time: null, or the code. */
async function outcomes(writes: readonly Promise<unknown>[]): Promise<(MessageDBError | null)[]> {
  return Promise.all(
    writes.map((write) =>
      write.then(
        () => null,
        (error: unknown) => {
          if (error instanceof MessageDBError) return error;
          throw error;
        },
      ),
    ),
  );
}

/** Write more than a queue of eight takes, while `hold` keeps the namespace from moving. */
async function overload(client: MessageDBClient, hold: () => () => void): Promise<void> {
  const release = hold();
  let refused = 0;
  const writes: Promise<unknown>[] = [];
  try {
    for (let n = 0; n < 40; n += 1) {
      const write = client.streamWrite("held-1", { type: "T", data: n });
      write.catch((error: unknown) => (refused += error instanceof MessageDBError ? 1 : 0));
      writes.push(write);
    }
    // A queueful is under way at most, and another waits; the rest is answered although nothing moves.
    await until("the other writes to be refused", () => refused >= 40 - 2 * 8);
  } finally {
    release();
  }
  const errors = (await outcomes(writes)).filter((error) => error !== null);
  for (const { code, status, retryAfter } of errors) {
    expect([code, status]).toEqual(["OVERLOADED", 503]);
    expect(retryAfter).toBeGreaterThanOrEqual(1);
  }
  // Nothing was written of those that were refused, and the queue is empty again.
  expect(await client.streamVersion("held-1")).toBe(40 - errors.length - 1);
  expect((await client.streamWrite("held-1", MESSAGE)).position).toBe(40 - errors.length);
}

test.concurrent("REQUEST_TIMEOUT: a slow client; OVERLOADED: a pipeline that no queue takes", async () => {
  const args = ["--head-timeout=0.2", "--body-timeout=0.2", "--max-queue=2"];
  await withServer({ storage: "memory", args }, async ({ url, port, adminToken }) => {
    const head = "POST /rpc HTTP/1.1\r\nHost: x\r\n";
    const announced = `${head}Content-Length: 30\r\n\r\n["sys.ver`;
    for (const sent of [head, announced]) {
      const answer = await exchange(port, sent);
      expect(answer).toStartWith("HTTP/1.1 408 ");
      expect(answer).toContain('"code":"REQUEST_TIMEOUT"');
    }
    const client = new MessageDBClient(url, { token: adminToken });
    const write = calls.streamWrite("a-1", MESSAGE);
    for (const answer of await client.pipeline([write, write, write])) {
      expect(answer.ok ? "written" : answer.error.code).toBe("OVERLOADED");
    }
    expect(await client.streamVersion("a-1")).toBeNull();
    expect((await client.pipeline([write, write])).every(({ ok }) => ok)).toBe(true);
  });
});

test.concurrent("OVERLOADED and BACKEND_ERROR: another program's lock and trigger in a SQLite file", async () => {
  await onFiles(async (_dataDir, options, files) => {
    await withServer({ ...options, args: ["--max-queue=8"] }, async (server) => {
      const client = new MessageDBClient(server.url, { token: server.adminToken });
      await client.streamWrite("warm-1", MESSAGE);
      const other = new Sqlite(files()[0] as string);
      await overload(client, () => {
        other.run("begin immediate");
        return () => other.run("rollback");
      });
      other.run(
        "create trigger guard before insert on messages when new.stream_name = 'bad-1' " +
          "begin select raise(abort, 'secret of the house'); end",
      );
      other.close();
      await refusesBadAlone(client);
    });
  });
});

test.concurrent("TIMEOUT and WRITE_UNCERTAIN: another session holds the table for too long", async () => {
  await onPostgres(HURRIED, async (context) => {
    const { client } = context;
    const [begun, waiting] = [crypto.randomUUID(), crypto.randomUUID()];
    const { uncertain, late, unread } = await whileLocked(context, async () => {
      const first = client.streamWrite("a-1", MESSAGE, { id: begun });
      first.catch(() => {}); // awaited below
      // The first is at it once the database says that somebody waits for the table.
      await until("the write to reach the database", async () => {
        const waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' " +
          "and datname = current_database()";
        return (await context.database.run(waits)).length > 0;
      });
      const behind = client.streamWrite("a-1", MESSAGE, { id: waiting });
      const reading = client.streamGet("warm-1");
      const [late, unread] = await Promise.all([errorOf(behind), errorOf(reading)]);
      return { late, unread, uncertain: await errorOf(first) };
    });
    // Not begun, so nothing is written; begun, so nobody knows until the table is free.
    expect([late.code, late.status]).toEqual(["TIMEOUT", 504]);
    expect([unread.code, unread.status]).toEqual(["TIMEOUT", 504]);
    expect([uncertain.code, uncertain.status]).toEqual(["WRITE_UNCERTAIN", 503]);
    expect(uncertain.details).toEqual({ ids: [begun] });
    const again = await client.streamWrite("a-1", MESSAGE, { id: begun });
    expect(again.position).toBe(0);
    expect([await stored(context, begun), await stored(context, waiting)]).toEqual([1, 0]);
  });
});

test.concurrent("WRITE_UNCERTAIN: the answer to a commit is lost, and the database with it", async () => {
  await onPostgres(HURRIED, async (context) => {
    const { client, proxy } = context;
    const id = crypto.randomUUID();
    const message = { type: "T", data: "the last that came through" };
    proxy.swallowAnswersAfter(message.data);
    const write = client.streamWrite("a-1", message, { id });
    write.catch(() => {}); // awaited below
    await until("the commit", async () => (await stored(context, id)) === 1);
    await proxy.cut();
    const error = await errorOf(write);
    expect([error.code, error.status]).toEqual(["WRITE_UNCERTAIN", 503]);
    expect(error.details).toEqual({ ids: [id] });
    await proxy.heal();
    // The same again, as the contract says: it stood all the while, and stands once.
    proxy.swallowAnswersAfter("nothing that is sent from now on");
    const found = await until("the database to be reached again", () =>
      client.streamWrite("a-1", message, { id }).catch(unavailable),
    );
    expect(found.position).toBe(0);
    expect(await client.streamGet("a-1")).toHaveLength(1);
  });
});

test.concurrent("BACKEND_ERROR and BACKEND_UNAVAILABLE: Postgres refuses a row, then vanishes", async () => {
  await onPostgres([], async ({ client, server, proxy, database, table }) => {
    await database.run(
      "create function nobody_passes() returns trigger language plpgsql as $$ begin " +
        "if new.stream_name = 'bad-1' then raise exception 'secret of the house'; end if; " +
        "return new; end $$",
      `create trigger guard before insert on ${table} for each row execute function nobody_passes()`,
    );
    await refusesBadAlone(client);
    await proxy.cut();
    // Once it has noticed: a write on a connection that it takes for sound may be WRITE_UNCERTAIN.
    await until("the server to notice", async () => !(await fetch(`${server.url}/ready`)).ok);
    for (const attempt of [
      () => client.streamWrite("b-1", MESSAGE),
      () => client.streamGet("b-1"),
      () => client.systemHealth(),
    ]) {
      const error = await errorOf(attempt());
      expect([error.code, error.status]).toEqual(["BACKEND_UNAVAILABLE", 503]);
      expect(error.retryAfter).toBeGreaterThanOrEqual(1);
    }
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    await proxy.heal();
    const write = () => client.streamWrite("b-1", MESSAGE).catch(unavailable);
    expect((await until("Postgres to be reached again", write)).position).toBe(0);
  });
});

test.concurrent("BACKEND_UNAVAILABLE: a namespace's file is somebody else's", async () => {
  await onFiles(async (_dataDir, options, files) => {
    let token = "";
    const before = new Set<string>();
    await withServer(options, async (server) => {
      const admin = new MessageDBClient(server.url, { token: server.adminToken });
      await admin.streamWrite("a-1", MESSAGE);
      for (const file of files()) before.add(file);
      ({ token } = await admin.createNamespace("tenant"));
      await new MessageDBClient(server.url, { token }).streamWrite("a-1", MESSAGE);
    });
    const file = files().find((path) => !before.has(path)) as string;
    writeFileSync(file, "a letter to grandmother\n".repeat(1_000));
    await withServer(options, async (server) => {
      const tenant = new MessageDBClient(server.url, { token });
      for (const attempt of [
        () => tenant.streamWrite("a-1", MESSAGE),
        () => tenant.streamGet("a-1"),
      ]) {
        const error = await errorOf(attempt());
        expect([error.code, error.status]).toEqual(["BACKEND_UNAVAILABLE", 503]);
        expect(error.message).not.toContain(file);
      }
      const admin = new MessageDBClient(server.url, { token: server.adminToken });
      expect((await admin.streamWrite("a-1", MESSAGE)).position).toBe(1);
    });
    expect(readFileSync(file, "utf8")).toStartWith("a letter to grandmother");
  });
});

test("every error code of docs/API.md is named by the test that earns it", () => {
  const page = readFileSync(join(PROJECT, "docs/API.md"), "utf8");
  const rows = page.match(/^\|(?: `[A-Z_]+`)+ \| \d{3}.*$/gm) ?? [];
  const codes = rows.flatMap((row) => (row.split("|")[1] as string).match(/[A-Z_]+/g) ?? []);
  expect(codes.length).toBeGreaterThanOrEqual(19);
  const tests = readdirSync(import.meta.dir)
    .filter((name) => name.endsWith(".test.ts") && !name.startsWith("later-"))
    .flatMap((name) => readFileSync(join(import.meta.dir, name), "utf8").match(/^test.*$/gm) ?? [])
    .join("\n");
  expect(codes.filter((code) => !new RegExp(`\\b${code}\\b`).test(tests))).toEqual([]);
});

/** Eight writes at the same time, one of which the database refuses. */
async function refusesBadAlone(client: MessageDBClient): Promise<void> {
  const streams = ["a-1", "a-2", "a-3", "bad-1", "a-4", "a-5", "a-6", "a-7"];
  const found = await outcomes(streams.map((stream) => client.streamWrite(stream, MESSAGE)));
  const failed = found.filter((error) => error !== null);
  expect(failed.map(({ code, status }) => [code, status])).toEqual([["BACKEND_ERROR", 500]]);
  expect(found[3]).toBe(failed[0] as MessageDBError);
  expect(failed[0]?.message).not.toMatch(/secret|trigger|house|P0001|SQL/i);
  expect(await client.categoryGet("a")).toHaveLength(7);
  expect(await client.streamVersion("bad-1")).toBeNull();
}

/** While it is not back yet, nothing is written, and the next try is as good. */
function unavailable(error: unknown): null {
  const soon = ["BACKEND_UNAVAILABLE", "TIMEOUT"];
  if (error instanceof MessageDBError && soon.includes(error.code)) return null;
  throw error;
}
