// page.mjs PAGE SERVER [PICTURE]: does what somebody does who runs a load from a master's page, and fails where
// the page does not show what it has to.

import { chromium } from "playwright-core";

const [url, server, picture] = process.argv.slice(2);
// Debian's Chromium has no sandbox for root; without /dev/shm in a container it would crash.
const args = ["--no-sandbox", "--disable-dev-shm-usage"];
const browser = await chromium.launch({ executablePath: process.env.BROWSER, args });
try {
  const context = await browser.newContext({ colorScheme: "light", viewport: { width: 1340, height: 610 } });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  await page.goto(url);
  await begin(page, 8);
  await showsUsers(page, 8);
  // One row for each kind of request, with deliveries in it.
  for (const kind of ["handshake", "subscribe", "connect", "publish", "deliver"]) {
    await page.getByRole("cell", { name: kind, exact: true }).waitFor();
  }
  await showsDeliveries(page, 500);
  if (picture) {
    // Rates are means of some seconds.
    await showsDeliveries(page, 6000);
    await page.screenshot({ path: picture });
  }
  await page.getByRole("button", { name: "Edit" }).click();
  await page.locator("input[name=userCount]").fill("12");
  await page.locator("input[name=spawnRate]").fill("12");
  await page.getByRole("button", { name: "Update" }).click();
  await showsUsers(page, 12);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText(/^stopped$/i).waitFor();
  await page.getByRole("button", { name: "New" }).click();
  await begin(page, 4);
  await showsUsers(page, 4);
  await showsDeliveries(page, 100);
  console.log("started, edited, stopped and started again");
} finally {
  await browser.close();
}

async function begin(page, users) {
  await page.locator("input[name=userCount]").fill(String(users));
  await page.locator("input[name=spawnRate]").fill(String(users));
  await page.locator("input[name=host]").fill(server);
  const channel = page.locator("input[name=channel]");
  if (!(await channel.isVisible())) await page.getByText("Custom parameters").click();
  await channel.fill("/rooms");
  await page.locator("input[name=rate]").fill("100");
  await page.locator("input[name=publishers]").fill("2");
  await page.getByRole("button", { name: "Start" }).click();
}

async function showsUsers(page, users) {
  await page.waitForFunction((users) => new RegExp(`Users\\s*${users}\\b`).test(document.body.innerText), users);
}

async function showsDeliveries(page, atLeast) {
  await page.waitForFunction((atLeast) => {
    const rows = [...document.querySelectorAll("tr")].map((it) => [...it.cells].map((cell) => cell.innerText));
    const row = rows.find((cells) => cells[0] === "deliver");
    return row && Number(row[2].replace(/\D/g, "")) >= atLeast;
  }, atLeast);
}
