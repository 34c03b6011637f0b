// What the console does in the browser: lists that keep themselves fresh, forms that answer in place, keys.
// Every page works without it. Nothing here writes markup of its own: it takes parts of pages that the server made.
"use strict";

const html = window.trustedTypes ? trustedTypes.createPolicy("virga", { createHTML: s => s }) : { createHTML: s => s };
const parse = text => new DOMParser().parseFromString(html.createHTML(text), "text/html");
const $ = (sel, root = document) => root.querySelector(sel);
const $$ = (sel, root = document) => [...root.querySelectorAll(sel)];

// Fresh lists. A [data-live] element asks for its page again and takes what is new of itself: children with a data-key
// are matched by it, so a row that did not change keeps its focus and selection.
const source = new WeakMap(); // an element that is shown: how the server wrote it

function merge(into, from) {
  const keyed = [...from.children].some(c => c.dataset.key);
  if (!keyed) {
    const holder = $(":scope tbody", into), fresh = $(":scope tbody", from);
    if (holder && fresh && $("[data-key]", from)) {
      merge(holder, fresh);
    } else if (into.innerHTML !== from.innerHTML) {
      into.replaceChildren(...from.childNodes);
    }
    return;
  }
  const old = new Map([...into.children].map(c => [c.dataset.key, c]));
  const filled = old.size > 0;
  const next = [...from.children].map(c => {
    const was = old.get(c.dataset.key);
    if (was && (source.get(was) === c.outerHTML || !source.has(was) && same(was, c))) { source.set(was, c.outerHTML); return was; }
    const now = document.importNode(c, true);
    source.set(now, c.outerHTML);
    if (was) { now.hidden = was.hidden; now.classList.toggle("on", was.classList.contains("on")); }
    else if (filled) now.classList.add("new");
    return now;
  });
  const focus = document.activeElement && into.contains(document.activeElement) ? document.activeElement : null;
  if (next.length !== into.children.length || next.some((n, i) => n !== into.children[i])) into.replaceChildren(...next);
  if (focus && !focus.isConnected && focus.href) {
    const again = $$("a", into).find(a => a.href === focus.href);
    if (again) again.focus({ preventScroll: true });
  }
}

function same(a, b) {
  const plain = a.cloneNode(true);
  plain.classList.remove("on", "new");
  if (!plain.classList.length) plain.removeAttribute("class");
  plain.hidden = false;
  return plain.outerHTML === b.outerHTML;
}

// Lines that grow: those with a new key are put at the end; the view follows while it is at the end.
const linesMax = 2000;

function append(into, from) {
  const seen = new Set([...into.children].map(c => c.dataset.key));
  const follow = into.scrollHeight - into.scrollTop - into.clientHeight < 40;
  let n = 0;
  for (const c of [...from.children]) {
    if (c.dataset.key && !seen.has(c.dataset.key)) { into.append(document.importNode(c, true)); n++; }
  }
  while (into.children.length > linesMax) into.firstElementChild.remove();
  if (from.dataset.after) into.dataset.after = from.dataset.after;
  if (n && follow) into.scrollTop = into.scrollHeight;
  const none = into.parentElement && $("[data-none]", into.parentElement);
  if (none) none.hidden = into.children.length > 0;
}

async function refresh(el) {
  const url = new URL(location.href);
  url.hash = "";
  if (el.dataset.after) url.searchParams.set("after", el.dataset.after);
  const state = $("[data-state]");
  try {
    const res = await fetch(url, { headers: { "Virga-Live": "1" }, credentials: "same-origin", redirect: "error" });
    if (res.status === 401) { location.reload(); return false; }
    const page = parse(await res.text());
    const parts = el.dataset.after !== undefined ? [el] : $$("[data-live]");
    for (const part of parts) {
      const fresh = part.id && page.getElementById(part.id);
      if (!fresh) continue;
      if (part.dataset.after !== undefined) append(part, fresh); else merge(part, fresh);
      part.dataset.live = fresh.dataset.live;
    }
    for (const part of $$("[data-follow]")) {
      const fresh = page.getElementById(part.id);
      if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
    }
    filter();
    if (state) { state.className = "dot on"; state.title = ""; }
  } catch {
    if (state) { state.className = "dot off"; state.title = "The server does not answer; trying again."; }
  }
  return true;
}

async function keepFresh(el) {
  for (;;) {
    const every = Number(el.dataset.live);
    if (!el.isConnected || !every) return;
    await new Promise(done => setTimeout(done, every));
    if (document.hidden || el.dataset.paused) continue;
    if (!await refresh(el)) return;
  }
}

function start() {
  const lines = $$("[data-live]");
  const rest = lines.filter(el => el.dataset.after === undefined);
  for (const el of lines) if (el.dataset.after !== undefined) { el.scrollTop = el.scrollHeight; keepFresh(el); }
  if (rest.length) keepFresh(rest[0]);
  for (const el of $$(".lines:not([data-live])")) el.scrollTop = el.scrollHeight;
  for (const el of $$(".menu [aria-current], .tabs [aria-current]")) { // a narrow window shows a part of them
    const strip = el.parentElement;
    if (el.offsetLeft + el.offsetWidth > strip.clientWidth) strip.scrollLeft = el.offsetLeft - 24;
  }
}

// Searching a list hides the rows that do not have all its words.
function filter() {
  const input = $("[data-filter]");
  if (!input) return;
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of $$(input.dataset.filter + " [data-key]")) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(w => text.includes(w));
  }
}

// Forms and links that answer in place: the element named is taken from the answer.
async function inPlace(target, url, init, button) {
  const box = document.getElementById(target);
  const label = button && button.textContent;
  const began = performance.now();
  let timer;
  if (button) {
    button.disabled = true;
    timer = setInterval(() => { button.textContent = ((performance.now() - began) / 1000).toFixed(1) + " s"; }, 100);
  }
  box.setAttribute("aria-busy", "true");
  try {
    const res = await fetch(url, { ...init, credentials: "same-origin", headers: { ...(init && init.headers), "Virga-Live": "1" } });
    if (res.status === 401) { location.reload(); return; }
    const page = parse(await res.text());
    const fresh = page.getElementById(target);
    if (fresh) box.replaceChildren(...fresh.childNodes);
    else {
      const p = $(".problem", page);
      box.replaceChildren(...(p ? [document.importNode(p, true)] : []));
    }
    box.scrollIntoView({ block: "nearest", behavior: "smooth" });
    for (const el of $$(".lines", box)) el.scrollTop = el.scrollHeight;
  } catch {
    const p = document.createElement("p");
    p.className = "problem";
    p.textContent = "The server did not answer. Is it still running? Try again.";
    box.replaceChildren(p);
  } finally {
    clearInterval(timer);
    box.removeAttribute("aria-busy");
    if (button) { button.disabled = false; button.textContent = label; }
  }
}

// What cannot be undone is asked about first.
let sure = null;

function ask(text, button) {
  const d = $("#ask"), yes = $("button[value=yes]", d);
  $("p", d).textContent = text;
  yes.textContent = button ? button.textContent : "Go on";
  d.returnValue = "";
  d.showModal();
  return new Promise(done => d.addEventListener("close", () => done(d.returnValue === "yes"), { once: true }));
}

document.addEventListener("submit", e => {
  const f = e.target, target = f.dataset.place;
  if (f.dataset.confirm && f !== sure) {
    e.preventDefault();
    ask(f.dataset.confirm, e.submitter).then(yes => { if (yes) { sure = f; f.requestSubmit(e.submitter); sure = null; } });
    return;
  }
  if (!target || (e.submitter && e.submitter.hasAttribute("data-plain"))) return;
  e.preventDefault();
  const body = new URLSearchParams(new FormData(f, e.submitter));
  inPlace(target, f.action, { method: "POST", body }, e.submitter);
});

document.addEventListener("click", e => {
  const t = e.target.closest("[data-copy],[data-place],[data-theme-switch],[data-help],[data-back],[data-pause],tr[data-key],[data-layout]");
  if (!t) return;
  if (t.matches("[data-copy]")) {
    const code = $("code,pre", t.parentElement) || $("#" + t.dataset.copy);
    navigator.clipboard.writeText(code.textContent).then(() => { t.textContent = "Copied"; setTimeout(() => { t.textContent = "Copy"; }, 1200); });
  } else if (t.matches("a[data-place]")) {
    e.preventDefault();
    inPlace(t.dataset.place, t.href);
  } else if (t.matches("[data-theme-switch]")) {
    theme();
  } else if (t.matches("[data-help]")) {
    $("#help").showModal();
  } else if (t.matches("[data-back]") && history.length > 1) {
    e.preventDefault();
    history.back();
  } else if (t.matches("[data-pause]")) {
    const el = $("#" + t.dataset.pause), dot = $("[data-state]");
    if (el.dataset.paused) { delete el.dataset.paused; t.textContent = "Pause"; } else { el.dataset.paused = "1"; t.textContent = "Go on"; }
    if (dot) dot.className = el.dataset.paused ? "dot" : "dot on";
  } else if (t.matches("[data-layout]")) {
    const area = $("#" + t.dataset.layout);
    try { area.value = JSON.stringify(JSON.parse(area.value), null, 2); area.setCustomValidity(""); } catch (err) { area.setCustomValidity(err.message); area.reportValidity(); area.setCustomValidity(""); }
  } else if (t.matches("tr[data-key]") && !e.target.closest("a,button,input,summary,label") && !String(getSelection())) {
    const a = $("a", t);
    if (a && t.dataset.open !== undefined) location.href = a.href;
  }
});

document.addEventListener("change", e => { if (e.target.matches("[data-submit]")) e.target.form.requestSubmit(); });
document.addEventListener("input", e => { if (e.target.matches("[data-filter]")) filter(); });

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it holds for this page */ }
}

// Keys.
let goes = 0;

function move(step) {
  const rows = $$("tr[data-open]").filter(r => !r.hidden);
  if (!rows.length) return;
  const at = rows.findIndex(r => r.classList.contains("on"));
  const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step))];
  for (const r of rows) r.classList.toggle("on", r === next);
  const a = $("a", next);
  if (a) a.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", e => {
  const typing = e.target.closest("input,textarea,select");
  if (typing && e.key === "Enter" && (e.ctrlKey || e.metaKey) && typing.form) { e.preventDefault(); typing.form.requestSubmit($("button.main", typing.form)); return; }
  if (typing && e.key === "Escape") { if (typing.matches("[data-filter]")) { typing.value = ""; filter(); } typing.blur(); return; }
  if (typing && typing.matches("[data-filter]") && e.key === "Enter") { e.preventDefault(); move(1); return; }
  if (typing || e.ctrlKey || e.metaKey || e.altKey || $("dialog[open]")) return;
  if (Date.now() - goes < 1500) {
    goes = 0;
    const a = $(`[data-go="${CSS.escape(e.key)}"]`);
    if (a) { e.preventDefault(); location.href = a.href; }
    return;
  }
  const tabs = $$(".tabs a"), tab = tabs.findIndex(a => a.hasAttribute("aria-current"));
  switch (e.key) {
    case "g": goes = Date.now(); break;
    case "/": { const f = $("#find,[data-find]"); if (f) { e.preventDefault(); f.focus(); f.select(); } break; }
    case "?": { const d = $("#help"); if (d) d.showModal(); break; }
    case "t": theme(); break;
    case "j": move(1); break;
    case "k": move(-1); break;
    case "u": { const up = $$("[data-up]").pop() || $('[data-go="o"]'); if (up) location.href = up.href; break; }
    case "[": if (tab > 0) location.href = tabs[tab - 1].href; break;
    case "]": if (tab >= 0 && tab < tabs.length - 1) location.href = tabs[tab + 1].href; break;
  }
});

document.addEventListener("DOMContentLoaded", start);
