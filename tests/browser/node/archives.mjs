// What the network panel of the browser's own developer tools makes of an archive (`--record FILE.har`).

// A row with a message of a websocket has a class that begins so and ends with its direction.
const FRAME = "resource-chunk-view-row-";

export class Panel {
  #page;

  // The file is chosen as a user does it.
  static async import(context, file) {
    const panel = new Panel();
    const page = await context.newPage();
    panel.#page = page;
    await page.setViewportSize({ width: 1400, height: 800 });
    await page.goto("devtools://devtools/bundled/devtools_app.html");
    await page.getByRole("tab", { name: "Network", exact: true }).click();
    const chooser = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Import HAR file" }).first().click();
    await (await chooser).setFiles(file);
    await panel.#rows().first().waitFor();
    return panel;
  }

  // Of each request the name, the status and the type.
  async requests() {
    const rows = await this.#rows().all();
    const cells = await Promise.all(rows.map((it) => it.locator("td:visible").allInnerTexts()));
    return cells.map((it) => it.slice(0, 3).map((text) => text.trim()));
  }

  // Opens a request's details and one of their tabs.
  async open(number, tab) {
    await this.#rows().nth(number).locator("td").first().click();
    await this.#page.getByRole("tab", { name: tab, exact: true }).click();
  }

  // In the tab that is open; the editor shows a text line by line.
  async shows(text) {
    await this.#page.getByText(text).first().waitFor();
  }

  // Of each message of the websocket that is open which way it went, and its text.
  async messages() {
    const rows = this.#page.locator(`tr[class*="${FRAME}"]`);
    await rows.first().waitFor();
    const found = [];
    for (const row of await rows.all()) {
      const [, direction] = (await row.getAttribute("class")).match(`${FRAME}(\\w+)`);
      found.push([direction, await row.locator("td").first().innerText()]);
    }
    return found;
  }

  async screenshot(path) {
    await this.#page.screenshot({ path });
  }

  #rows() {
    return this.#page.locator(`tr.data-grid-data-grid-node:not([class*="${FRAME}"])`);
  }
}
