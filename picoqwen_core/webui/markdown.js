// Markdown of an answer as elements: blocks, then what stands in a line. Raw HTML is shown as the text it is, and
// pictures as links, so that an answer cannot make this page fetch anything.

import { element } from "./dom.js";

const LINKS = /^(https?:|mailto:)/i;
const INLINE = new RegExp([
  "(`+)(?<code>.+?)\\1",
  "\\*\\*(?<strong>.+?)\\*\\*",
  "(?<!\\w)__(?<strong2>.+?)__(?!\\w)",
  "\\*(?<em>[^\\s*](?:[^*]*[^\\s*])?)\\*",
  "(?<!\\w)_(?<em2>[^\\s_](?:[^_]*[^\\s_])?)_(?!\\w)",
  "~~(?<del>.+?)~~",
  "!?\\[(?<text>[^\\]]*)\\]\\((?<href>[^\\s()]+)[^)]*\\)",
  "(?<url>https?://[^\\s<>()\"]+[^\\s<>()\".,;:!?])",
].join("|"), "s");
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
const MOST_NESTED = 8;

/** A fragment; unfinished Markdown, as while streaming, is shown as far as it goes. */
export function markdown(text) {
  const made = document.createDocumentFragment();
  made.append(...blocks(text.replaceAll("\r\n", "\n").split("\n"), 0));
  return made;
}

function blocks(lines, depth) {
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const [block, next] = depth < MOST_NESTED ? oneBlock(lines, at, depth) : paragraph(lines, at);
    if (block) made.push(block);
    at = next;
  }
  return made;
}

function oneBlock(lines, at, depth) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  const fence = line.match(/^\s*(```+|~~~+)/);
  if (fence) return code(lines, at, fence[1]);
  const heading = line.match(/^(#{1,6})\s+(.*?)\s*#*$/);
  if (heading) return [element(`h${Math.min(6, heading[1].length + 2)}`, {}, inline(heading[2])), at + 1];
  if (RULE.test(line)) return [element("hr"), at + 1];
  if (line.startsWith(">")) return quote(lines, at, depth);
  if (ITEM.test(line)) return list(lines, at, depth);
  if (line.includes("|") && /^[\s|:-]*-[\s|:-]*$/.test(lines[at + 1] ?? "") && lines[at + 1].includes("|")) return table(lines, at);
  return paragraph(lines, at);
}

function code(lines, at, fence) {
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(fence)) end += 1;
  // A pane that scrolls must be reached by keyboard.
  return [element("pre", { tabindex: 0 }, element("code", {}, lines.slice(at + 1, end).join("\n"))), end + 1];
}

function quote(lines, at, depth) {
  let end = at;
  while (end < lines.length && lines[end].startsWith(">")) end += 1;
  const inside = lines.slice(at, end).map((line) => line.replace(/^> ?/, ""));
  return [element("blockquote", {}, blocks(inside, depth + 1)), end];
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
    else if (!lines[end].trim() && /^\s+\S|^\s*([-*+]|\d+[.)])\s/.test(lines[end + 1] ?? "")) items.at(-1).push("");
    else break;
    end += 1;
  }
  const start = isOrdered && mark !== "1." ? { start: parseInt(mark, 10) } : {};
  const made = items.map((item) => {
    const [first, ...others] = item;
    return element("li", {}, inline(first), blocks(others, depth + 1));
  });
  return [element(isOrdered ? "ol" : "ul", start, made), end];
}

function table(lines, at) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim()));
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const row = (line, tag) => element("tr", {}, cells(line).map((cell) => element(tag, {}, cell)));
  const made = element("table", {}, element("thead", {}, row(lines[at], "th")),
    element("tbody", {}, lines.slice(at + 2, end).map((line) => row(line, "td"))));
  return [element("div", { class: "scroll", tabindex: 0 }, made), end];
}

function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !/^(\s*(```|~~~)|#{1,6}\s|>)/.test(lines[end]) && !ITEM.test(lines[end])) end += 1;
  const made = lines.slice(at, end).flatMap((line, index) => (index ? [element("br"), inline(line)] : [inline(line)]));
  return [element("p", {}, made), end];
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
