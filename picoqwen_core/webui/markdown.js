// Markdown of an answer as elements: blocks, then what stands in a line. Raw HTML is shown as the text it is, and
// pictures as links, so that an answer cannot make this page fetch anything.
//
// No pattern may look further than it has to: an answer of 100,000 characters, whatever they are, must not stop the page.

import { copyButton, element } from "./dom.js";

const LINKS = /^(https?:|mailto:)/i;
const INLINE = new RegExp([
  "(?<ticks>`{1,8})(?<code>.{1,2000}?)\\k<ticks>",
  "\\*\\*(?<strong>.{1,2000}?)\\*\\*",
  "(?<!\\w)__(?<strong2>.{1,2000}?)__(?!\\w)",
  "\\*(?<em>[^\\s*](?:[^*]{0,500}[^\\s*])?)\\*",
  "(?<!\\w)_(?<em2>[^\\s_](?:[^_]{0,500}[^\\s_])?)_(?!\\w)",
  "~~(?<del>.{1,2000}?)~~",
  "!?\\[(?<text>[^\\]]{0,500})\\]\\((?<href>[^\\s()]{1,2000})[^)]{0,500}\\)",
  "(?<url>https?://[^\\s<>()\"]{0,2000}[^\\s<>()\".,;:!?*_~`])",
].join("|"), "s");
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
const MOST_NESTED = 8;
// Of what was drawn before: the text, and up to which character and element nothing can change any more.
const grown = new WeakMap();

/** A fragment; unfinished Markdown, as while streaming, is shown as far as it goes. */
export function markdown(text) {
  const made = document.createDocumentFragment();
  grow(made, text);
  return made;
}

/** Show `text` in `node`, where the beginning of it may be already: only its last blocks are made anew. */
export function grow(node, text) {
  const before = grown.get(node);
  if (before?.text === text) return;
  let { from, count } = before && text.startsWith(before.text) ? before : { from: 0, count: 0 };
  const lines = text.slice(from).split("\n");
  const made = blocks(lines.map((line) => line.replace("\r", "")), 0);
  while (node.childNodes.length > count) node.lastChild.remove();
  node.append(...made.map(([block]) => block));
  if (made.length > 2) {
    // A block ends where the next one begins, which the next letters may still make a part of it.
    const settled = made.length - 2;
    from += lines.slice(0, made[settled][1]).reduce((sum, line) => sum + line.length + 1, 0);
    count += settled;
  }
  grown.set(node, { text, from, count });
}

/** Pairs of a block and the line where it begins. */
function blocks(lines, depth) {
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const [block, next] = depth < MOST_NESTED ? oneBlock(lines, at, depth) : paragraph(lines, at);
    if (block) made.push([block, at]);
    at = next;
  }
  return made;
}

const nested = (lines, depth) => blocks(lines, depth).map(([block]) => block);

function oneBlock(lines, at, depth) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  const fence = line.match(/^\s*(```+|~~~+)\s*([\w+#.-]{0,30})/);
  if (fence) return code(lines, at, fence[1], fence[2]);
  const heading = line.match(/^(#{1,6})\s+(\S.*)$/);
  // Models leave levels out, which a page may not: all are of one level and differ in looks.
  if (heading) return [element("h3", { class: `level${heading[1].length}`, dir: "auto" }, inline(withoutMarks(heading[2]))), at + 1];
  if (RULE.test(line)) return [element("hr"), at + 1];
  if (line.startsWith(">")) return quote(lines, at, depth);
  if (ITEM.test(line)) return list(lines, at, depth);
  if (line.includes("|") && isRuleOfTable(lines[at + 1] ?? "")) return table(lines, at);
  return paragraph(lines, at);
}

function withoutMarks(heading) {
  let end = heading.trimEnd().length;
  while (heading[end - 1] === "#") end -= 1;
  return heading.slice(0, end);
}

const isRuleOfTable = (line) => line.includes("|") && line.includes("-") && /^[\s|:-]+$/.test(line);

function code(lines, at, fence, language) {
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(fence)) end += 1;
  const text = lines.slice(at + 1, end).join("\n");
  const bar = element("div", { class: "bar" }, element("span", {}, language), copyButton(() => text));
  // A pane that scrolls must be reached by keyboard.
  return [element("div", { class: "code", dir: "ltr" }, bar, element("pre", { tabindex: 0 }, element("code", {}, text))), end + 1];
}

function quote(lines, at, depth) {
  let end = at;
  while (end < lines.length && lines[end].startsWith(">")) end += 1;
  const inside = lines.slice(at, end).map((line) => line.replace(/^> ?/, ""));
  return [element("blockquote", { dir: "auto" }, nested(inside, depth + 1)), end];
}

function list(lines, at, depth) {
  const [, indent, mark] = lines[at].match(ITEM);
  const isOrdered = /\d/.test(mark);
  const items = [];
  let end = at;
  while (end < lines.length) {
    const found = lines[end].match(ITEM);
    if (found && found[1].length <= indent.length && !RULE.test(lines[end])) {
      if (/\d/.test(found[2]) !== isOrdered) break;
      items.push([found[3]]);
    } else if (/^\s+\S/.test(lines[end])) items.at(-1).push(lines[end].replace(/^( {1,4}|\t)/, ""));
    else if (!lines[end].trim() && /^\s+\S|^\s*([-*+]|\d{1,9}[.)])\s/.test(lines[end + 1] ?? "")) items.at(-1).push("");
    else break;
    end += 1;
  }
  const start = isOrdered && mark !== "1." ? { start: parseInt(mark, 10) } : {};
  const made = items.map(([first, ...others]) => element("li", {}, inline(first), nested(others, depth + 1)));
  return [element(isOrdered ? "ol" : "ul", { dir: "auto", ...start }, made), end];
}

function table(lines, at) {
  const cells = (line) => line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").map((cell) => cell.trim());
  const sides = cells(lines[at + 1]).map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "middle" : "end") : null));
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const row = (line, tag) => element("tr", {}, cells(line).map((cell, index) => element(tag, { class: sides[index] }, inline(cell))));
  const made = element("table", { dir: "auto" }, element("thead", {}, row(lines[at], "th")),
    element("tbody", {}, lines.slice(at + 2, end).map((line) => row(line, "td"))));
  return [element("div", { class: "scroll", tabindex: 0 }, made), end];
}

function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !/^(\s*(```|~~~)|#{1,6}\s|>)/.test(lines[end]) && !ITEM.test(lines[end])) end += 1;
  const made = lines.slice(at, end).flatMap((line, index) => (index ? [element("br"), inline(line)] : [inline(line)]));
  return [element("p", { dir: "auto" }, made), end];
}

function inline(text) {
  const made = [];
  let rest = text;
  for (let found = rest.match(INLINE); found; found = rest.match(INLINE)) {
    made.push(rest.slice(0, found.index), span(found));
    rest = rest.slice(found.index + found[0].length);
  }
  return [...made, rest];
}

function span(found) {
  const { code: plain, strong, strong2, em, em2, del, text, href, url } = found.groups;
  if (plain !== undefined) return element("code", {}, plain);
  if (strong ?? strong2) return element("strong", {}, inline(strong ?? strong2));
  if (em ?? em2) return element("em", {}, inline(em ?? em2));
  if (del) return element("del", {}, inline(del));
  const target = href ?? url;
  if (!LINKS.test(target)) return found[0];
  return element("a", { href: target, target: "_blank", rel: "noopener noreferrer" }, text || target);
}
