/** A database of its own for each server that is tested on Postgres. */

import { SQL } from "bun";

export interface Database {
  readonly url: string;
  /** Run statements on a connection of their own, and return the rows of the last. */
  run(...statements: string[]): Promise<Record<string, unknown>[]>;
  drop(): Promise<void>;
}

/** Create an empty database on the server of MESSAGEDB_TEST_DB_URL. */
export async function createDatabase(): Promise<Database> {
  const server = process.env["MESSAGEDB_TEST_DB_URL"];
  if (!server) {
    throw new Error(
      "The tests on Postgres need MESSAGEDB_TEST_DB_URL: the URL of a server on which databases " +
        "may be created, for example postgresql://postgres@127.0.0.1:5432/postgres. " +
        "`make test-external` starts one.",
    );
  }
  const name = `mdb_external_${crypto.randomUUID().replaceAll("-", "")}`;
  await run(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    run: (...statements) => run(url.href, ...statements),
    drop: async () => void (await run(server, `drop database if exists ${name} with (force)`)),
  };
}

async function run(url: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const sql = new SQL(url, { max: 1 });
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = await sql.unsafe(statement);
    return rows;
  } finally {
    await sql.close();
  }
}
