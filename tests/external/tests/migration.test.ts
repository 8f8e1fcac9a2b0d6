/**
 * Data that an earlier version wrote is brought up by this one, and read.
 *
 * A fixture of a released version never changes. Until a version is released, a changed first
 * migration wants its fixture captured anew: `bun fixtures/capture.ts`.
 */

import { expect } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Captured, CapturedFiles, CapturedPostgres } from "../fixtures/capture.ts";
import { restoreDirectory } from "../fixtures/dump.ts";
import { MessageDBClient } from "../lib/client.ts";
import { PROJECT, type ServerOptions, withServer } from "../lib/helpers.ts";
import { createDatabase } from "../lib/postgres.ts";
import { test } from "../lib/testing.ts";

const FIXTURES = join(PROJECT, "tests/external/fixtures");
const IN_FIXTURES = readdirSync(FIXTURES).filter((name) => name.endsWith(".json"));
const DIRECTORIES = IN_FIXTURES.filter((name) => name.startsWith("data-"));
const DATABASES = IN_FIXTURES.filter((name) => name.startsWith("postgres-"));

function load<T extends Captured>(name: string): T {
  return JSON.parse(readFileSync(join(FIXTURES, name), "utf8")) as T;
}

test("a data directory and a Postgres database of some version are kept", () => {
  expect(DIRECTORIES.length).toBeGreaterThan(0);
  expect(DATABASES.length).toBeGreaterThan(0);
});

for (const name of DIRECTORIES) {
  test.concurrent(`${name}: a data directory is brought up, read and written on`, async () => {
    const captured = load<CapturedFiles>(name);
    const dataDir = mkdtempSync(join(tmpdir(), "mdb-external-migration-"));
    try {
      restoreDirectory(dataDir, captured.files);
      await readsAndGoesOn(captured, { storage: "file", dataDir });
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
}

for (const name of DATABASES) {
  test.concurrent(`${name}: a Postgres schema is brought up, read and written on`, async () => {
    const captured = load<CapturedPostgres>(name);
    const database = await createDatabase();
    const applied = async () => {
      const rows = await database.run("select schema_name, version from mdb.schema_migrations");
      return rows.map((row) => `${row["schema_name"]} ${row["version"]}`).sort();
    };
    try {
      await database.run(captured.sql.join("\n"));
      const before = await applied();
      await readsAndGoesOn(captured, { storage: "postgres", dbUrl: database.url });
      const after = await applied();
      expect(after).toEqual(expect.arrayContaining(before));
      expect(after.length).toBeGreaterThan(before.length);
    } finally {
      await database.drop();
    }
  });
}

/** Start twice: what was captured is brought up by the first start, merely opened by the second. */
async function readsAndGoesOn(captured: Captured, options: ServerOptions): Promise<void> {
  for (const start of [0, 1]) {
    await withServer({ ...options, token: captured.adminToken }, async ({ url }) => {
      for (const { token, info, messages } of captured.namespaces) {
        const client = new MessageDBClient(url, { token });
        expect(await client.streamVersion("account-0")).toBe(4 + start);
        for (const category of ["order", "plain"]) {
          expect(await client.categoryGet(category)).toEqual(
            messages.filter((m) => m.streamName.split("-")[0] === category),
          );
        }
        const account = await client.categoryGet("account");
        expect(account.slice(0, 30)).toEqual(messages.slice(0, 30));
        const group = { member: 1, size: 2 };
        const ours = await client.categoryGet("account", { consumerGroup: group });
        expect(ours.length).toBeGreaterThan(0);
        expect(ours.length).toBeLessThan(account.length);
        const now = await client.namespaceInfo();
        const { incarnation, description, metadata, createdAt } = info;
        expect(now).toMatchObject({ incarnation, description, metadata, createdAt });
        const next = await client.streamWrite("account-0", { type: "T", data: "new" });
        expect(next.position).toBe(5 + start);
        expect(next.globalPosition).toBeGreaterThan(now.head);
      }
    });
  }
}
