// Runs every scenario against a server of its own, or those whose names begin so, or draws the pictures.

import { chromium } from "playwright-core";

import { draw } from "./pictures.mjs";
import * as scenarios from "./scenarios.mjs";
import { Server } from "./server.mjs";

const pictures = process.argv[2] === "--pictures" ? process.argv[3] : null;
const wanted = process.argv.slice(2);
const chosen = Object.entries(scenarios).filter(([name]) => {
  return wanted.length === 0 || wanted.some((it) => name.startsWith(it));
});
if (!pictures && chosen.length === 0) throw new Error(`no scenario is named ${wanted.join(" ")}`);
// Debian's Chromium has no sandbox for root; without /dev/shm in a container it would crash.
const args = ["--no-sandbox", "--disable-dev-shm-usage"];
const browser = await chromium.launch({ executablePath: process.env.BROWSER, args });
let n_failed = 0;
try {
  if (pictures) {
    await draw(browser, pictures);
  } else {
    for (const [name, scenario] of chosen) n_failed += await passes(name, scenario) ? 0 : 1;
  }
} finally {
  await browser.close();
}
process.exit(n_failed === 0 ? 0 : 1);

async function passes(name, scenario) {
  const began = Date.now();
  const server = await Server.start();
  const wrong = [];
  const context = await browser.newContext({ colorScheme: "light" });
  // A policy that is broken, a script that fails: no scenario allows either.
  context.on("weberror", (error) => wrong.push(`error in the page: ${error.error().message}`));
  context.on("console", (message) => {
    // That a server is away is said here as well; the scenarios look at what the page says.
    const isAway = /net::ERR_|status of 400/.test(message.text());
    if (message.type() === "error" && !isAway) wrong.push(`console: ${message.text()}`);
  });
  context.setDefaultTimeout(20_000);
  try {
    await scenario({ browser, context, server });
  } catch (error) {
    wrong.push(error.stack);
  }
  await context.close();
  await server.stop();
  const title = name.replace(/([A-Z])/g, (it) => ` ${it.toLowerCase()}`);
  console.log(wrong.length === 0 ? `ok   ${title}: ${Date.now() - began} ms` : `FAIL ${title}`);
  for (const it of wrong) console.error(`     ${it}`);
  return wrong.length === 0;
}
