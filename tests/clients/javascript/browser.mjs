// A page in Chromium, and what holds on every page. CHROMIUM is the path of the browser; screenshots are written to the folder that
// PILOTLIGHT_SCREENSHOTS names.

import { readFileSync } from "node:fs";

import { equal, packages } from "./checks.mjs";

const { chromium } = packages("playwright-core");
const AXE = readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
// Color schemes, each with a width of the window.
const LOOKS = [["light", 1280], ["dark", 360]];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // The microphone beeps once a second.
  args: ["--disable-gpu", "--disable-quic", "--disable-sync", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
});
const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write", "microphone"] });
context.setDefaultTimeout(20_000);
await context.addInitScript(AXE);
await context.addInitScript(() => {
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
    console.error("content security policy:", violatedDirective, blockedURI);
  });
});
export const page = await context.newPage();

const problems = [];
page.on("pageerror", ({ message }) => problems.push(message));
page.on("console", (message) => {
  // What Chromium may take away some day is no fault of the page.
  const deprecated = /^\[Deprecation\]| is deprecated\./.test(message.text());
  if (["error", "warning"].includes(message.type()) && !deprecated) problems.push(message.text());
});
page.on("request", (request) => {
  const own = new URL(request.frame().url()).origin;
  const { origin, protocol } = new URL(request.url());
  if (protocol !== "data:" && !request.isNavigationRequest() && origin !== own) problems.push(`request to ${request.url()}`);
});

// Checks that since the last call the browser has reported no error, no violation of the page's policy, and no request to another
// server, except for what is expected.
export function noProblems(expected = []) {
  equal(problems.splice(0), expected, "problems in the browser");
}

// Checks the page in each look: axe finds no violation, and nothing is wider than the window.
export async function accessible(name) {
  for (const [colorScheme, width] of LOOKS) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    const folder = process.env.PILOTLIGHT_SCREENSHOTS;
    if (folder) await page.screenshot({ path: `${folder}/${name}-${colorScheme}.png`, fullPage: true });
    const { violations } = await page.evaluate((runOnly) => globalThis.axe.run({ runOnly }), RULES);
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
    equal(found, [], `violations of ${name}, ${colorScheme}`);
    const { scrollWidth, clientWidth } = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return { scrollWidth, clientWidth };
    });
    equal(scrollWidth, clientWidth, `width of ${name}, ${colorScheme}`);
  }
}

// What has the focus: its id, value or text, and the width of its outline.
export const focused = () => page.evaluate(() => {
  const node = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(node.type === "radio" ? node.nextElementSibling : node);
  const outline = outlineStyle === "none" ? 0 : parseFloat(outlineWidth);
  return { name: node === document.body ? "" : node.id || node.value || node.textContent.trim(), outline };
});

// What the Tab key reaches from the start of the page, in order. All of it shows that it has the focus.
export async function tabOrder() {
  // The next Tab goes on from where the mouse was.
  await page.mouse.click(3, 3);
  const found = [];
  for (;;) {
    await page.keyboard.press("Tab");
    const { name, outline } = await focused();
    if (!name || found.includes(name)) return found;
    equal(outline >= 2, true, `outline of ${name}`);
    found.push(name);
  }
}
