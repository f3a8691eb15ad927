// What has to hold in a browser: one function a scenario, each with a server of its own.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Panel } from "./archives.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function chat(context, server, name) {
  const page = await context.newPage();
  await page.goto(server.page("/"));
  if (name) await page.getByLabel("Name").fill(name);
  await connected(page);
  return page;
}

const connected = (page) => page.getByRole("status").filter({ hasText: "connected" }).waitFor();
const log = (page) => page.getByRole("log", { name: "Messages" });
const said = (page, text) => log(page).getByText(text, { exact: true });

async function say(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send Message" }).click();
}

async function inspector(context, server) {
  const page = await context.newPage();
  await page.goto(server.page("/inspector"));
  await page.getByRole("status").filter({ hasText: "The server answers" }).waitFor();
  return page;
}

const rowsOf = (page, table) => page.getByRole("table", { name: table }).locator("tbody tr");
const traffic = (page) => page.getByRole("log", { name: "Traffic" }).locator("p");

async function until(what, isSo) {
  const deadline = Date.now() + 20_000;
  while (!(await isSo())) {
    assert.ok(Date.now() < deadline, `not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function twoTabsTalk({ context, server }) {
  const [ann, bob] = [await chat(context, server, "Ann"), await chat(context, server, "Bob")];
  await say(ann, "hello Bob");
  await said(bob, "hello Bob").waitFor();
  await say(bob, "hello Ann");
  for (const page of [ann, bob]) await said(page, "hello Ann").waitFor();
  assert.deepEqual(await log(ann).locator("b").allTextContents(), ["Ann", "Bob"]);
  assert.deepEqual(await log(bob).locator("b").allTextContents(), ["Ann", "Bob"]);
}

export async function theProgramTalksWithThePage({ context, server }) {
  const page = await chat(context, server, "Ann");
  await server.bayeux("publish", "/demo", "from=Eve", "text=from a shell");
  await said(page, "from a shell").waitFor();
  const heard = server.background("subscribe", "/demo", "-n", "1", "--timeout", "20s", "-o", "data");
  const inspected = await inspector(context, server);
  await until("two subscribers", async () => (await rowsOf(inspected, "Channels").textContent()).includes("/demo2"));
  await say(page, "to a shell");
  assert.deepEqual(JSON.parse(await heard), { from: "Ann", text: "to a shell" });
}

export async function anEmptyFieldIsSaidSoAndGetsTheFocus({ context, server }) {
  const page = await chat(context, server);
  const wanted = page.getByRole("alert").getByText("Please enter some text");
  await page.getByRole("button", { name: "Send Message" }).click();
  await wanted.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "name");
  await page.getByLabel("Name").fill("Ann");
  await page.getByLabel("Message", { exact: true }).fill("   ");
  await page.keyboard.press("Enter");
  await wanted.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "message");
  assert.equal(await page.getByLabel("Message", { exact: true }).getAttribute("aria-invalid"), "true");
  assert.equal(await log(page).locator("p").count(), 0);
  await say(page, "now it is not");
  await said(page, "now it is not").waitFor();
  assert.equal(await page.getByRole("alert").textContent(), "");
}

export async function everythingCanBeDoneWithTheKeyboard({ context, server }) {
  const page = await chat(context, server);
  await page.keyboard.type("Ann");
  await page.keyboard.press("Tab");
  await page.keyboard.type("typed");
  await page.keyboard.press("Enter");
  await said(page, "typed").waitFor();
  await page.keyboard.type("again");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await said(page, "again").waitFor();
}

export async function markupIsText({ context, server }) {
  const [ann, bob] = [await chat(context, server, "<b>Ann</b>"), await chat(context, server, "Bob")];
  const markup = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">';
  await say(ann, markup);
  await said(bob, markup).waitFor();
  await said(bob, "<b>Ann</b>").waitFor();
  assert.equal(await log(bob).locator("script, img").count(), 0);
  const inspected = await inspector(context, server);
  await traffic(inspected).filter({ hasText: "<script>window.hacked" }).first().waitFor();
  assert.equal(await traffic(inspected).locator("script, img").count(), 0);
  for (const page of [bob, inspected]) assert.equal(await page.evaluate(() => window.hacked), undefined);
}

export async function oddDataIsShownAsItIs({ context, server }) {
  const page = await chat(context, server, "Ann");
  await server.bayeux("publish", "/demo", '{"n":1}');
  await said(page, '{"n":1}').waitFor();
  await server.bayeux("publish", "/demo", "null");
  await said(page, "null").waitFor();
  await server.bayeux("publish", "/demo", '{"from":{"a":1},"text":[2]}');
  await said(page, "[2]").waitFor();
}

export async function aThousandMessagesComeInOrder({ context, server }) {
  const page = await chat(context, server, "Ann");
  const began = Date.now();
  await page.evaluate(async (endpoint) => {
    const send = async (messages) => {
      const body = JSON.stringify(messages);
      return (await fetch(endpoint, { method: "POST", body, headers: { "Content-Type": "application/json" } })).json();
    };
    const types = { version: "1.0", supportedConnectionTypes: ["long-polling"] };
    const [{ clientId }] = await send([{ channel: "/meta/handshake", ...types }]);
    for (let n = 0; n < 1000; n += 20) {
      const texts = Array.from({ length: 20 }, (_, it) => `number ${n + it}`);
      await send(texts.map((text) => ({ channel: "/demo", clientId, data: { from: "crowd", text } })));
    }
  }, server.url.pathname);
  await said(page, "number 999").waitFor();
  const texts = await log(page).locator(".text").allTextContents();
  assert.deepEqual(texts, Array.from({ length: 1000 }, (_, n) => `number ${n}`));
  assert.ok(await log(page).evaluate((it) => it.scrollHeight - it.scrollTop - it.clientHeight < 40), "not at its end");
  assert.ok(Date.now() - began < 20_000);
}

export async function aServerThatComesBackIsFoundAgain({ context, server }) {
  const [ann, bob] = [await chat(context, server, "Ann"), await chat(context, server, "Bob")];
  const inspected = await inspector(context, server);
  await server.stop();
  await ann.getByRole("status").filter({ hasText: "does not answer" }).waitFor();
  await inspected.getByRole("status").filter({ hasText: "does not answer" }).waitFor();
  await say(ann, "into the void");
  await ann.getByRole("alert").filter({ hasText: "Not sent" }).waitFor();
  assert.equal(await ann.getByLabel("Message", { exact: true }).inputValue(), "into the void");
  await server.restart();
  for (const page of [ann, bob]) await connected(page);
  await ann.getByRole("button", { name: "Send Message" }).click();
  await said(bob, "into the void").waitFor();
  await inspected.getByRole("status").filter({ hasText: "The server answers" }).waitFor();
  await traffic(inspected).filter({ hasText: "into the void" }).first().waitFor();
}

export async function aSessionThatIsForgottenIsRenewed({ context, server }) {
  const page = await chat(context, server, "Ann");
  const before = await page.getByRole("status").textContent();
  const inspected = await inspector(context, server);
  await inspected.getByRole("button", { name: "Forget all sessions" }).click();
  await until("another session", async () => {
    const now = await page.getByRole("status").textContent();
    return now.startsWith("connected") && now !== before;
  });
  await say(page, "still here");
  await said(page, "still here").waitFor();
}

export async function leavingAPageEndsItsSession({ context, server }) {
  const [ann, bob] = [await chat(context, server, "Ann"), await chat(context, server, "Bob")];
  const inspected = await inspector(context, server);
  await until("two sessions", async () => (await rowsOf(inspected, "Sessions").count()) === 2);
  await ann.close({ runBeforeUnload: true });
  await bob.goto("about:blank");
  await traffic(inspected).filter({ hasText: "ended: disconnected" }).nth(1).waitFor();
  await until("no session", async () => (await rowsOf(inspected, "Sessions").count()) === 0);
}

export async function theInspectorShowsSessionsAndChannels({ context, server }) {
  await chat(context, server, "Ann");
  const inspected = await inspector(context, server);
  await until("a session", async () => (await rowsOf(inspected, "Sessions").count()) === 1);
  const cells = await rowsOf(inspected, "Sessions").locator("td").allTextContents();
  assert.match(cells[1], /^[0-9a-f]{4}…$/);
  assert.match(cells[2], /^(Headless)?Chrome \d+$/);
  assert.equal(cells[3], "long-polling");
  await until("a held connect", async () => (await rowsOf(inspected, "Sessions").textContent()).includes("held"));
  assert.deepEqual(await rowsOf(inspected, "Channels").locator("td").allTextContents(), ["/demo", "1", cells[0]]);
  await inspected.getByRole("button", { name: `End session ${cells[0]}` }).click();
  await until("it is gone", async () => (await rowsOf(inspected, "Sessions").locator("td").first().textContent()) !== cells[0]);
}

export async function trafficIsFilteredAndPaused({ context, server }) {
  const inspected = await inspector(context, server);
  await server.bayeux("publish", "/demo", '"first"');
  await server.bayeux("publish", "/other", '"second"');
  await traffic(inspected).filter({ hasText: "second" }).first().waitFor();
  assert.equal(await traffic(inspected).filter({ hasText: "/meta/connect" }).count(), 0);
  await inspected.getByLabel("Filter").fill("/OTHER");
  await until("only the other channel", async () => {
    const texts = await traffic(inspected).allTextContents();
    return texts.length > 0 && texts.every((it) => it.includes("/other"));
  });
  await inspected.getByLabel("Filter").fill("");
  await traffic(inspected).filter({ hasText: "first" }).first().waitFor();
  const pause = inspected.getByRole("button", { name: "Pause" });
  await pause.click();
  assert.equal(await pause.getAttribute("aria-pressed"), "true");
  // Longer than two questions take.
  const asked = [];
  inspected.on("request", (it) => asked.push(it.url()));
  await server.bayeux("publish", "/demo", '"third"');
  await until("the state was asked for", () => asked.filter((it) => it.endsWith("/state")).length > 1);
  assert.equal(asked.filter((it) => it.includes("/traffic")).length, 0);
  assert.equal(await traffic(inspected).filter({ hasText: "third" }).count(), 0);
  await pause.click();
  await traffic(inspected).filter({ hasText: "third" }).first().waitFor();
  await inspected.getByRole("button", { name: "Clear" }).click();
  assert.equal(await traffic(inspected).count(), 0);
  await chat(context, server);
  await inspected.getByLabel("Show connects").check();
  await traffic(inspected).filter({ hasText: "/meta/connect" }).first().waitFor();
}

export async function aFaultButtonMakesSessionsEnd({ context, server }) {
  const inspected = await inspector(context, server);
  await inspected.getByLabel("Another fault").fill("expire=300ms");
  await inspected.getByRole("button", { name: "Begin" }).click();
  const fault = inspected.getByRole("button", { name: "expire=300ms" });
  await fault.waitFor();
  assert.equal(await fault.getAttribute("aria-pressed"), "true");
  const page = await chat(context, server, "Ann");
  await traffic(inspected).filter({ hasText: "ended: a fault that was asked for" }).first().waitFor();
  await fault.click();
  await fault.waitFor({ state: "detached" });
  const offered = inspected.getByRole("button", { name: "expire=10s" });
  await offered.click();
  await inspected.getByRole("button", { name: "expire=10s", pressed: true }).waitFor();
  await offered.click();
  await inspected.getByRole("button", { name: "expire=10s", pressed: false }).waitFor();
  await connected(page);
  await inspected.getByLabel("Another fault").fill("nonsense");
  await inspected.getByRole("button", { name: "Begin" }).click();
  await inspected.getByRole("alert").filter({ hasText: "no such place: nonsense" }).waitFor();
}

export async function axeFindsNothingWrong({ browser, server }) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 320]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 800 }, bypassCSP: true });
      const page = await chat(context, server, "Ann");
      await say(page, `a long-word-${"x".repeat(100)}`);
      await said(page, `a long-word-${"x".repeat(100)}`).waitFor();
      await page.getByRole("button", { name: "Send Message" }).click();
      await page.getByRole("alert").getByText("Please enter some text").waitFor();
      const inspected = await inspector(context, server);
      await inspected.getByRole("button", { name: "expire=10s" }).click();
      await inspected.getByRole("button", { name: "expire=10s", pressed: true }).waitFor();
      await rowsOf(inspected, "Sessions").first().waitFor();
      await traffic(inspected).first().waitFor();
      for (const it of [page, inspected]) {
        await it.evaluate(axe);
        const { violations } = await it.evaluate(() => window.axe.run());
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("; ")}`);
        assert.deepEqual(found, [], `${it.url()} ${colorScheme} ${width}`);
        const overflow = await it.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(overflow <= 0, `${it.url()} at ${width}: ${overflow} pixels too wide`);
      }
      await inspected.getByRole("button", { name: "expire=10s" }).click();
      await context.close();
    }
  }
}

// A chat page and the program talk through a proxy, which records it.
export async function anArchiveOpensInTheNetworkPanel({ context, server }) {
  const folder = await mkdtemp(join(tmpdir(), "bayeux-archive-"));
  const [passed, own] = [join(folder, "passed.har"), join(folder, "own.har")];
  // The panel sorts by milliseconds, and by nothing of the file within one: so no two requests begin in the same one.
  const slowly = ["handshake:delay=50ms", "publish:delay=50ms"].flatMap((it) => ["--fault", it]);
  const proxy = await server.recorded(passed, ...slowly);
  try {
    const page = await context.newPage();
    await page.goto(new URL("/", proxy.url).href);
    await page.getByLabel("Name").fill("Ann");
    await connected(page);
    await server.through(proxy.url, "publish", "/demo", "from=Eve", "text=over HTTP", "-t", "long-polling");
    await said(page, "over HTTP").waitFor();
    await server.through(proxy.url, "publish", "/demo", "from=Eve", "text=in a frame", "-t", "websocket");
    await said(page, "in a frame").waitFor();
    await say(page, "from the page");
    await said(page, "from the page").waitFor();
  } finally {
    await proxy.stop();
  }
  const panel = await Panel.import(context, passed);
  const requests = await panel.requests();
  const { entries } = JSON.parse(await readFile(passed, "utf8")).log;
  entries.sort((a, b) => Date.parse(a.startedDateTime) - Date.parse(b.startedDateTime));
  // The proxy was stopped while the page's connect waited.
  const status = (it) => (it.response.status === 0 ? "Finished" : `${it.response.status}`);
  assert.deepEqual(requests.map((it) => it[1]), entries.map(status));
  assert.ok(requests.some((it) => it[1] === "Finished"));
  const upgraded = requests.findIndex((it) => it[2] === "websocket");
  await panel.open(upgraded, "Messages");
  const messages = await panel.messages();
  assert.deepEqual(messages, entries[upgraded]._webSocketMessages.map((it) => [it.type, it.data]));
  const has = (direction, text) => messages.some((it) => it[0] === direction && it[1].includes(text));
  assert.ok(has("send", "/meta/handshake") && has("send", "in a frame") && has("receive", "successful"));
  const published = entries.findIndex((it) => it.request.postData?.text.includes("over HTTP"));
  await panel.open(published, "Payload");
  await panel.shows("over HTTP");
  await panel.open(published, "Response");
  await panel.shows("successful");
  // And what the program says of itself.
  await server.bayeux("publish", "/demo", "1", "-t", "websocket", "--record", own);
  const second = await Panel.import(context, own);
  assert.deepEqual(await second.requests(), [["cometd", "101", "websocket"]]);
  await second.open(0, "Messages");
  const sent = (await second.messages()).filter((it) => it[0] === "send").map((it) => JSON.parse(it[1])[0].channel);
  assert.deepEqual(sent, ["/meta/handshake", "/demo", "/meta/disconnect"]);
  await rm(folder, { recursive: true });
}
