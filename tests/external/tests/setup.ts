/** Loaded before every run (bunfig.toml): the time limit of a test, and the end of the server. */

import { afterAll, setDefaultTimeout } from "bun:test";
import { stopSharedServer } from "../lib/helpers.ts";

// Generous, because the machine may be busy: every wait inside a test has a shorter limit and
// says what it waited for.
setDefaultTimeout(90_000);
afterAll(stopSharedServer);
