/** The API's description and its page. */

import { expect } from "bun:test";
import { sharedServer } from "../lib/helpers.ts";
import { later } from "../lib/testing.ts";

later("the description of the API and its page are served", async () => {
  const { url } = await sharedServer();
  const described = await fetch(`${url}/openapi.json`);
  expect(await described.json()).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) });
  const page = await fetch(`${url}/docs`);
  expect(page.headers.get("content-type")).toStartWith("text/html");
});
