/** Starting the real command as a user starts it, and leaving no process behind. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { until, within } from "./deadline.ts";
import { createDatabase, type Database } from "./postgres.ts";
import { makeToken } from "./tokens.ts";

export type Storage = "memory" | "file" | "postgres";

export interface ServerOptions {
  /** Default: the setting EXTERNAL_STORAGE, or memory. Memory means `--test-mode`. */
  readonly storage?: Storage;
  /** For files: a directory to use, which is then left in place. Default: a new one, removed. */
  readonly dataDir?: string;
  /** For Postgres: a database to use, which is then left. Default: a new one, dropped. */
  readonly dbUrl?: string;
  /** The admin token to start with. Default: a random one. Null: the server makes its own. */
  readonly token?: string | null;
  /** Default: a free one. */
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly storage: Storage;
  /** The token of `default`. */
  readonly adminToken: string;
  readonly dataDir: string | null;
  /** Everything that it wrote so far. */
  stdout(): string;
  stderr(): string;
  /** SIGTERM, and the exit code; SIGKILL and an error if it does not end within ten seconds. */
  stop(): Promise<number>;
  /** SIGKILL, as in a crash. */
  kill(): Promise<void>;
}

const HERE = dirname(fileURLToPath(import.meta.url));
export const PROJECT = resolve(HERE, "../../..");
const START_MS = 60_000;
const STOP_MS = 10_000;

const running = new Set<ChildProcess>();
// However this process ends, what it started ends with it.
process.on("exit", () => {
  for (const child of running) signalGroup(child, "SIGKILL");
});

/** The processes that were started and have not ended. */
export function stillRunning(): number[] {
  return [...running].map((child) => child.pid ?? -1);
}

/** The storage that the run was asked for. */
export function chosenStorage(): Storage {
  const value = process.env["EXTERNAL_STORAGE"] || "memory";
  if (value === "memory" || value === "file" || value === "postgres") return value;
  throw new Error(`EXTERNAL_STORAGE is memory, file or postgres, not ${value}`);
}

/** The command and its environment: MESSAGEDB_BIN, the project's own, or the source tree. */
export function serverCommand(): { command: string[]; env: Record<string, string> } {
  const given = process.env["MESSAGEDB_BIN"]?.trim();
  if (given) return { command: given.split(/\s+/), env: {} };
  const installed = join(PROJECT, ".venv/bin/mdb");
  if (existsSync(installed)) return { command: [installed], env: {} };
  const path = [PROJECT, process.env["PYTHONPATH"]].filter(Boolean).join(":");
  return { command: ["python3", "-m", "mdb"], env: { PYTHONPATH: path } };
}

/**
 * Start `serve` on a free port and wait until it answers.
 *
 * Throws with the server's own last words when it ends or stays silent.
 */
export async function startTestServer(options: ServerOptions = {}): Promise<TestServer> {
  const storage = options.storage ?? chosenStorage();
  const scratch = mkdtempSync(join(tmpdir(), "mdb-external-"));
  let database: Database | null = null;
  const cleanUp = async () => {
    rmSync(scratch, { recursive: true, force: true });
    await database?.drop();
  };
  try {
    const args = ["serve", `--port=${options.port ?? 0}`];
    const settings: Record<string, string> = {};
    let dataDir: string | null = null;
    if (storage === "memory") args.push("--test-mode");
    else if (storage === "file") {
      dataDir = options.dataDir ?? join(scratch, "data");
      settings["MESSAGEDB_DATA_DIR"] = dataDir;
    } else {
      database = options.dbUrl === undefined ? await createDatabase() : null;
      settings["MESSAGEDB_DB_URL"] = database?.url ?? options.dbUrl ?? "";
    }
    const token = options.token === undefined ? makeToken("default") : options.token;
    if (token !== null) settings["MESSAGEDB_TOKEN"] = token;
    const child = launch([...args, ...(options.args ?? [])], { ...settings, ...options.env }, scratch);
    return await ready(child, { storage, dataDir, token, cleanUp });
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

interface Launched {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<number>;
}

/** Run the command with these arguments; settings of the caller's own environment do not count. */
export function launch(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  cwd: string,
): Launched {
  const { command, env } = serverCommand();
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !entry[0].startsWith("MESSAGEDB_"),
  );
  const [program, ...rest] = command;
  // A process group of its own, so that whatever it starts can be ended with it.
  const child = spawn(program as string, [...rest, ...args], {
    cwd,
    detached: true,
    env: { ...Object.fromEntries(inherited), ...env, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  running.add(child);
  const ended = new Promise<number>((resolveEnd) => {
    child.on("error", (error) => {
      output.stderr += `${command.join(" ")}: ${error.message}\n`;
      running.delete(child);
      resolveEnd(-1);
    });
    child.on("close", (code) => {
      running.delete(child);
      resolveEnd(code ?? -1);
    });
  });
  return { child, output, ended };
}

async function ready(
  launched: Launched,
  made: {
    storage: Storage;
    dataDir: string | null;
    token: string | null;
    cleanUp: () => Promise<void>;
  },
): Promise<TestServer> {
  const { child, output, ended } = launched;
  let exitCode: number | null = null;
  void ended.then((code) => (exitCode = code));
  const lastWords = () => `${output.stdout}${output.stderr}`.slice(-4000);
  let url: string;
  let port: number;
  try {
    port = await until(
      "the line `Listening on :PORT`",
      () => {
        if (exitCode !== null) throw new Error(`the server ended with code ${exitCode}`);
        const line = /^Listening on :(\d+)$/m.exec(output.stdout);
        return line && Number(line[1]);
      },
      START_MS,
    );
    url = `http://127.0.0.1:${port}`;
    await waitForHealthy(url);
  } catch (error) {
    signalGroup(child, "SIGKILL");
    await ended;
    throw new Error(`the server did not start: ${String(error)}\n${lastWords()}`, { cause: error });
  }
  const end = async (signal: NodeJS.Signals, ms: number) => {
    signalGroup(child, signal);
    try {
      return await within(`the server to end after ${signal}`, ended, ms);
    } catch (error) {
      signalGroup(child, "SIGKILL");
      await ended;
      throw new Error(`${String(error)}\n${lastWords()}`, { cause: error });
    } finally {
      await made.cleanUp();
    }
  };
  return {
    url,
    port,
    pid: child.pid as number,
    storage: made.storage,
    dataDir: made.dataDir,
    adminToken: made.token ?? /^.*?(ns_\S+)/m.exec(output.stdout)?.[1] ?? "",
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    stop: () => end("SIGTERM", STOP_MS),
    kill: async () => void (await end("SIGKILL", STOP_MS)),
  };
}

/** Ask `/health` until it answers 200. */
export async function waitForHealthy(url: string, ms = START_MS): Promise<void> {
  await until(
    `${url}/health to answer 200`,
    async () => {
      try {
        return (await fetch(`${url}/health`)).ok;
      } catch {
        return false; // Not listening yet.
      }
    },
    ms,
  );
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // The whole group has ended: what was wanted.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
