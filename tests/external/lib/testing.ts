/** The runner's `test` with a time limit that suits a busy machine, and a switch for later parts. */

import { test as runner } from "bun:test";

// Every wait inside a test has a shorter limit of its own and says what it waited for; this one only
// ends what those cannot. (The runner's default of 5 s has no setting in bunfig.toml.)
const LIMIT_MS = 120_000;

type Body = () => void | Promise<void>;

function one(name: string, body: Body): void {
  runner(name, body, LIMIT_MS);
}

/** A test that runs alone, or, as `test.concurrent`, together with the others of its file. */
export const test = Object.assign(one, {
  concurrent: (name: string, body: Body): void => runner.concurrent(name, body, LIMIT_MS),
});

/**
 * A test of what the contract has and the server does not have yet: run by EXTERNAL_ALL=1.
 */
export function later(name: string, body: Body): void {
  if (process.env["EXTERNAL_ALL"] === "1") test.concurrent(name, body);
  else runner.skip(name, body);
}
