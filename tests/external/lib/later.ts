/** Tests of what the contract has and the server does not have yet: run by EXTERNAL_ALL=1. */

import { test } from "bun:test";

/** Tests that run at the same time, once they are switched on. */
export const later = process.env["EXTERNAL_ALL"] === "1" ? test.concurrent : test.skip;
