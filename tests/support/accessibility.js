// Faults of a page against WCAG 2.1 AA that a script can find: names, alternatives, contrast, language, order of headings.
const shown = (e) => e.checkVisibility({opacityProperty: true, visibilityProperty: true}) && e.getClientRects().length > 0;
const every = (css) => [...document.querySelectorAll(css)].filter(shown);
const named = (e) => {
  const label = (e.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.innerText ?? "");
  return [e.getAttribute("aria-label"), ...label, e.innerText, e.alt, e.title, ...[...(e.labels ?? [])].map((one) => one.innerText),
    ...[...e.querySelectorAll("[aria-label], img[alt], title")].map((one) => one.ariaLabel ?? one.alt ?? one.textContent)]
    .some((text) => (text ?? "").trim());
};
const parsed = (colour) => {
  const [r, g, b, a = 1] = (colour.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  return {rgb: [r, g, b], a};
};
const over = (top, below) => top.rgb.map((part, i) => part * top.a + below[i] * (1 - top.a));
const ground = (e) => {
  if (!e) return [255, 255, 255];
  const own = parsed(getComputedStyle(e).backgroundColor);
  return own.a === 1 ? own.rgb : over(own, ground(e.parentElement));
};
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const opacity = (e) => (e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1);
const told = (e) => `<${e.tagName.toLowerCase()}> ${(e.innerText || e.outerHTML).trim().slice(0, 80)}`;
const faults = [];
if (!document.documentElement.lang) faults.push("the page has no language");
if (!document.title) faults.push("the page has no title");
for (const e of every("a[href], button, input:not([type=hidden]), select, textarea, [role=button], [role=tab], [role=combobox]"))
  if (!named(e)) faults.push(`no name: ${e.outerHTML.slice(0, 160)}`);
for (const e of every("input:not([type=hidden], [type=file]), select, textarea")) {
  const label = [...(e.labels ?? [])].map((one) => one.innerText).join("") || e.getAttribute("aria-label");
  if (!(label ?? "").trim() && !e.closest("[data-testid=stDataFrame]")) faults.push(`no label: ${e.outerHTML.slice(0, 160)}`);
}
for (const e of every("[tabindex]")) if (e.tabIndex > 0) faults.push(`order of focus is changed: ${e.outerHTML.slice(0, 160)}`);
for (const e of every("img")) if (!e.hasAttribute("alt")) faults.push(`no alternative: ${e.outerHTML.slice(0, 160)}`);
for (const e of every("[data-testid=stVegaLiteChart]"))
  if (!e.querySelector("[aria-label], [alt]") && !e.ariaLabel) faults.push(`no alternative: ${e.outerHTML.slice(0, 160)}`);
for (const e of every(".stApp *")) {
  const text = [...e.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
  if (!text || e.closest("[disabled], [aria-disabled=true], svg, canvas, style, script")) continue;
  const {width, height} = e.getBoundingClientRect();
  if (width <= 1 || height <= 1) continue; // for readers of the screen only
  if (e.closest("[data-testid=stSliderThumbValue]")) continue; // it lies above its parent, not on it
  const style = getComputedStyle(e), size = parseFloat(style.fontSize), colour = parsed(style.color), below = ground(e);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const found = contrast(over({rgb: colour.rgb, a: colour.a * opacity(e)}, below), below);
  const sign = e.matches("[data-testid^=stIcon]");
  if (found < (large || sign ? 3 : 4.5)) faults.push(`contrast ${found.toFixed(2)}: ${told(e)}`);
}
const ids = [...document.querySelectorAll("[id]")].filter(shown).map((e) => e.id);
for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) faults.push(`id appears twice: ${id}`);
if (every("h1, h2").length === 0) faults.push("the page has no heading");
let level = 0;
for (const e of every("h1, h2, h3, h4, h5, h6")) {
  const now = Number(e.tagName[1]);
  if (level && now > level + 1) faults.push(`heading skips a level: ${told(e)}`);
  level = now;
}
return faults;
