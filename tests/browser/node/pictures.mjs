// The pictures in README.md.

import { Server } from "./server.mjs";

const TALK = [
  ["Ann", "Anybody here?"],
  ["Bob", "Yes, with a browser on the other machine."],
  ["Ann", "And the shell?"],
];

export async function draw(browser, folder) {
  const server = await Server.start();
  try {
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ colorScheme, locale: "en-GB", viewport: { width: 760, height: 500 } });
      const [ann, bob] = [await context.newPage(), await context.newPage()];
      for (const page of [ann, bob]) {
        await page.goto(server.page("/"));
        await page.getByRole("status").filter({ hasText: "connected" }).waitFor();
      }
      await ann.getByLabel("Name").fill("Ann");
      await bob.getByLabel("Name").fill("Bob");
      for (const [name, text] of TALK) {
        const page = name === "Ann" ? ann : bob;
        await page.getByLabel("Message", { exact: true }).fill(text);
        await page.getByRole("button", { name: "Send Message" }).click();
        await ann.getByText(text, { exact: true }).waitFor();
      }
      await server.bayeux("publish", "/demo", "from=Eve", "text=Hello from bayeux pub!");
      await ann.getByText("Hello from bayeux pub!").waitFor();
      await ann.screenshot({ path: `${folder}/chat-${colorScheme}.png` });
      if (colorScheme === "light") await inspector(context, server, folder);
      await context.close();
    }
  } finally {
    await server.stop();
  }
}

async function inspector(context, server, folder) {
  const tail = server.background("subscribe", "/stocks/*", "-n", "1", "--timeout", "20s");
  const page = await context.newPage();
  await page.setViewportSize({ width: 1100, height: 1240 });
  await page.goto(server.page("/inspector"));
  await page.getByText("/stocks/*", { exact: true }).waitFor();
  await page.getByRole("button", { name: "expire=10s" }).click();
  await page.getByRole("button", { name: "expire=10s", pressed: true }).waitFor();
  await page.screenshot({ path: `${folder}/inspector.png` });
  await page.getByRole("button", { name: "expire=10s" }).click();
  await page.getByRole("button", { name: "expire=10s", pressed: false }).waitFor();
  await server.bayeux("publish", "/stocks/x", "1");
  await tail;
}
