// browser.mjs PAGE: opens a page of the runner's server in Chromium and waits for what it reports.
import { chromium } from 'playwright-core';
import { ask, report } from './runner.mjs';

async function run(address) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    // Names for pages of strangers and of friends that are not on loopback by name.
    args: ['--no-sandbox', '--host-resolver-rules=MAP *.test 127.0.0.1'],
  });
  try {
    const page = await browser.newPage();
    const said = [];
    page.on('console', (it) => said.push(it.text()));
    page.on('pageerror', (it) => said.push(String(it)));
    await page.exposeFunction('ask', ask);
    const ended = new Promise((resolve, reject) => {
      page.exposeFunction('report', (failure) => {
        if (failure) reject(new Error([failure, ...said.slice(-5)].join(' | ')));
        else resolve();
      });
      setTimeout(() => reject(new Error(['the page reported nothing', ...said.slice(-5)].join(' | '))), 150_000);
    });
    await page.goto(address);
    await ended;
  } finally {
    await browser.close();
  }
}

report(run(process.argv[2]));
