// The page of the web documents. The ticket is a cookie that no script sees; texts go into the page as text only.
"use strict";

const main = document.getElementById("main");
let language = (localStorage.getItem("language") || navigator.language).startsWith("de") ? "de" : "en";
let word = WORDS[language];
let current = null; // draws what is shown, again after a change of language
const way = []; // what "back" leads to

function make(tag, properties = {}, ...children) {
  const { class: name, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  if (name) made.className = name;
  made.append(...children.filter((one) => one !== null));
  return made;
}

class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}`, {
      method: body ? "POST" : "GET",
      headers: { ...(body && { "content-type": "application/json" }), ...(body && body.token && { authorization: `Bearer ${body.token}` }) },
      body: body && JSON.stringify({ ...body, token: undefined }),
      credentials: "same-origin",
    });
  } catch {
    throw new Refused(0, word.unreachable);
  }
  if (answer.ok) return answer.json();
  if (answer.status === 429) throw new Refused(429, word.many);
  if (answer.status >= 500) throw new Refused(answer.status, word.unreachable);
  throw new Refused(answer.status, answer.status === 401 && !body ? word.over : word.wrong);
}

function say(text, kind = "error") {
  document.querySelector(".said")?.remove();
  main.prepend(make("p", { class: `said ${kind}`, role: "alert" }, text));
}

function frame() {
  document.documentElement.lang = language;
  document.getElementById("language").textContent = word.other;
  document.getElementById("leave").textContent = word.leave;
  document.getElementById("back").setAttribute("aria-label", word.back);
  document.getElementById("back").hidden = way.length < 2;
}

function title(text) {
  document.getElementById("title").textContent = text;
  document.title = text === word.title ? text : `${text} · ${word.title}`;
}

async function show(draw) {
  current = draw;
  frame();
  main.replaceChildren(make("p", { class: "loading" }, word.loading));
  try {
    const drawn = await draw();
    if (current === draw) main.replaceChildren(...drawn);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) {
      signedOut();
      await show(entrance);
    } else {
      main.replaceChildren();
    }
    say(error.message);
  }
}

function go(draw) {
  way.push(draw);
  return show(draw);
}

function signedOut() {
  sessionStorage.removeItem("inside");
  document.getElementById("leave").hidden = true;
  way.length = 0;
  way.push(entrance);
}

function inside() {
  sessionStorage.setItem("inside", "1");
  document.getElementById("leave").hidden = false;
  way.length = 0;
  return go(systems);
}

function field(label, properties) {
  const input = make("input", { required: true, ...properties });
  return make("label", {}, label, input);
}

function form(button, fields, send) {
  const made = make("form", {}, ...fields, make("button", { class: "main" }, button));
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    const pressed = made.querySelector("button.main");
    pressed.disabled = true;
    try {
      await send(Object.fromEntries(new FormData(made)));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      say(error.message);
    } finally {
      pressed.disabled = false;
    }
  });
  return made;
}

function entrance() {
  title(word.title);
  const typed = { systemNumber: "", mailAddress: "" };
  const customer = make("section", {}, make("h2", {}, word.customer));
  const systemField = () =>
    field(word.system, { name: "systemNumber", value: typed.systemNumber, autocomplete: "off", maxLength: 40, pattern: "[A-Za-z0-9][A-Za-z0-9\\-]*" });
  const mailField = () =>
    field(word.mail, { name: "mailAddress", type: "email", value: typed.mailAddress, autocomplete: "email", maxLength: 254 });
  const first = () => {
    const skip = make("button", { type: "button", class: "link" }, word.have);
    skip.addEventListener("click", () => second());
    const asked = form(word.ask, [systemField(), mailField()], async (said) => {
      Object.assign(typed, said);
      const answer = await ask("accessCodes", { ...said, requestId: crypto.randomUUID() });
      second();
      say(word.sent.replace("{minutes}", Math.round(parseInt(answer.validDuration) / 60)), "good");
    });
    customer.replaceChildren(make("h2", {}, word.customer), asked, skip);
  };
  const second = () => {
    const again = make("button", { type: "button", class: "link" }, word.again);
    again.addEventListener("click", first);
    const code = field(word.code, { name: "code", autocomplete: "one-time-code", maxLength: 40, class: "code", autocapitalize: "characters" });
    const entered = form(word.enter, [systemField(), mailField(), code], async (said) => {
      await ask("accessCodes:redeem", { ...said, asCookie: true });
      await inside();
    });
    customer.replaceChildren(make("h2", {}, word.customer), entered, again);
    code.querySelector("input").focus();
  };
  first();
  const technician = form(
    word.signIn,
    [
      field(word.user, { name: "user", autocomplete: "username", autocapitalize: "none" }),
      field(word.password, { name: "password", type: "password", autocomplete: "current-password" }),
    ],
    async (said) => {
      const { token } = await ask("signIn", said);
      await ask("tickets", { token, asCookie: true });
      await inside();
    },
  );
  return [customer, make("section", {}, make("h2", {}, word.staff), technician)];
}

function row(text, detail, act) {
  const made = make("button", { type: "button", class: "row" }, make("strong", {}, text), make("span", {}, detail));
  made.addEventListener("click", act);
  return make("li", {}, made);
}

async function systems() {
  title(word.systems);
  const list = make("ul", { class: "rows" });
  const more = make("button", { type: "button", class: "link", hidden: true }, word.more);
  const search = make("input", { type: "search", placeholder: word.search, ariaLabel: word.search });
  let token = "";
  let turn = 0;
  const load = async (fresh) => {
    const mine = ++turn;
    const query = new URLSearchParams({ query: search.value, pageToken: fresh ? "" : token });
    const page = await ask(`systems?${query}`);
    if (mine !== turn) return;
    if (fresh) list.replaceChildren();
    list.append(...page.systems.map((one) => row(one.matchcode, `${one.name.slice(8)} ${one.model ? "· " + one.model : ""}`, () => go(() => system(one)))));
    if (!list.children.length) list.append(make("li", { class: "empty" }, word.none));
    token = page.nextPageToken;
    more.hidden = !token;
  };
  more.addEventListener("click", () => load(false));
  search.addEventListener("input", () => load(true));
  await load(true);
  return [search, list, more];
}

async function system(one) {
  title(one.matchcode);
  const [tree, listed] = await Promise.all([ask(`${one.name}/tree`), ask(`${one.name}/calls`)]);
  const depth = {};
  const rows = tree.folders.map((folder) => {
    depth[folder.folder] = folder.parentFolder ? (depth[folder.parentFolder] ?? 0) + 1 : 0;
    const name = language === "de" ? folder.germanTitle : folder.englishTitle;
    const made = row(name, folder.staffOnly ? word.internal : "", () => go(() => files(one, folder)));
    made.classList.add(`deep${Math.min(depth[folder.folder], 4)}`, "folder");
    return made;
  });
  const calls = listed.calls.map((call) =>
    make("li", { class: "call" },
      make("strong", {}, call.title),
      make("span", { class: call.solved ? "state solved" : "state" }, call.stateTitle),
      make("span", {}, `${call.servicecall.slice(13)} · ${word.received} ${day(call.receiveTime)} · ${word.changed} ${day(call.updateTime)}`)),
  );
  return [
    make("p", { class: "about" }, [one.name.slice(8), one.model].filter(Boolean).join(" · ")),
    make("h2", {}, word.folders),
    rows.length ? make("ul", { class: "rows" }, ...rows) : make("p", { class: "empty" }, word.noFolders),
    make("h2", {}, word.calls),
    calls.length ? make("ul", { class: "rows" }, ...calls) : make("p", { class: "empty" }, word.noCalls),
  ];
}

const SHOWN = ["application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp"];

async function files(one, folder) {
  title(language === "de" ? folder.germanTitle : folder.englishTitle);
  const found = (await ask(`${one.name}/files?folder=${encodeURIComponent(folder.folder)}`)).files;
  const rows = found.map((file) => {
    const save = make("a", { href: file.uri, class: "button", download: "" }, word.download);
    let view = null;
    if (SHOWN.includes(file.contentType)) {
      view = make("button", { type: "button", class: "button" }, word.show);
      view.addEventListener("click", () => go(() => preview(file)));
    }
    return make("li", { class: "file" }, make("strong", {}, file.title), make("span", {}, `${size(file.sizeBytes)} · ${day(file.updateTime)}`), make("div", { class: "acts" }, view, save));
  });
  return [
    make("p", { class: "about" }, `${one.matchcode} · ${one.name.slice(8)}`),
    rows.length ? make("ul", { class: "rows" }, ...rows) : make("p", { class: "empty" }, word.noFiles),
  ];
}

function preview(file) {
  title(file.title);
  const save = make("a", { href: file.uri, class: "button", download: "" }, word.download);
  const shown = file.contentType === "application/pdf"
    ? make("iframe", { src: `${file.uri}?inline`, title: file.title, class: "preview" })
    : make("img", { src: `${file.uri}?inline`, alt: file.title, class: "preview" });
  return [make("p", { class: "about" }, `${size(file.sizeBytes)} · ${day(file.updateTime)} `), make("div", { class: "acts" }, save), shown];
}

function day(text) {
  return text ? new Date(text).toLocaleDateString(language, { dateStyle: "medium" }) : "–";
}

function size(bytes) {
  const steps = ["B", "kB", "MB", "GB"];
  const step = bytes > 0 ? Math.min(3, Math.floor(Math.log10(bytes) / 3)) : 0;
  return `${(bytes / 1000 ** step).toLocaleString(language, { maximumFractionDigits: step ? 1 : 0 })} ${steps[step]}`;
}

document.getElementById("back").addEventListener("click", () => {
  way.pop();
  show(way[way.length - 1]);
});
document.getElementById("language").addEventListener("click", () => {
  language = language === "de" ? "en" : "de";
  word = WORDS[language];
  localStorage.setItem("language", language);
  show(current);
});
document.getElementById("leave").addEventListener("click", async () => {
  try {
    await ask("tickets:revoke", {});
  } catch (error) {
    if (!(error instanceof Refused)) throw error; // over already
  }
  signedOut();
  show(entrance);
});

if (sessionStorage.getItem("inside")) inside();
else {
  signedOut();
  show(entrance);
}
