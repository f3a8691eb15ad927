// read.mjs REPORT.tap REPORT.json: reads a report of `bayeux check` with tap-parser, as strictly as it can, and holds it
// against the JSON of the same run.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Parser } from "tap-parser";

const [tap, json] = process.argv.slice(2).map((path) => readFileSync(path, "utf8"));
const report = JSON.parse(json);

const points = [];
let bailout = null;
const parser = new Parser({ strict: true });
parser.on("assert", (point) => points.push(point));
parser.on("bailout", (reason) => (bailout = reason));
parser.on("extra", (text) => assert.fail(`no line of TAP: ${text}`));
parser.end(tap);

assert.equal(parser.results.ok, report.verdict.passed, "it passes as the JSON does");
assert.equal(points.length, report.checks.length, "a point for each check");
assert.equal(parser.results.plan.end, report.checks.length, "as many as planned");
report.checks.forEach((check, nth) => {
  const point = points[nth];
  assert.equal(point.id, nth + 1);
  assert.equal(point.ok, !check.fails, point.name);
  assert.equal(Boolean(point.skip), check.status === "skip", point.name);
  // The parser leaves what is escaped as it is.
  assert.equal(point.name.replaceAll("\\#", "#").replaceAll("\\\\", "\\"), `${check.id}: ${check.title}`);
  if (["pass", "skip"].includes(check.status)) return;
  const found = point.diag;
  assert.equal(found.status, check.status);
  assert.equal(found.severity, check.severity);
  assert.equal(found.seen, check.seen ?? "");
  assert.equal(found.remedy, check.remedy);
  assert.equal(found.known, check.known_from);
});
if (bailout !== null) {
  assert.equal(report.verdict.passed, false, "what was in the way fails the run");
}
const n_failed = report.checks.filter((it) => it.fails).length;
console.log(`${points.length} points, ${n_failed} not ok${bailout === null ? "" : ", bail out"}`);
