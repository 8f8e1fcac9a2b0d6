/** A database of its own for each server that is tested on Postgres. */

import { SQL } from "bun";

export interface Database {
  readonly url: string;
  drop(): Promise<void>;
}

/** Create an empty database on the server of MESSAGEDB_TEST_DB_URL. */
export async function createDatabase(): Promise<Database> {
  const server = process.env["MESSAGEDB_TEST_DB_URL"];
  if (!server) {
    throw new Error(
      "EXTERNAL_STORAGE=postgres needs MESSAGEDB_TEST_DB_URL: the URL of a Postgres server on " +
        "which databases may be created, for example postgresql://postgres@127.0.0.1:5432/postgres",
    );
  }
  const name = `mdb_external_${crypto.randomUUID().replaceAll("-", "")}`;
  const run = async (statement: string) => {
    const sql = new SQL(server, { max: 1 });
    try {
      await sql.unsafe(statement);
    } finally {
      await sql.close();
    }
  };
  await run(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => run(`drop database if exists ${name} with (force)`) };
}
