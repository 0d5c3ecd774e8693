// The editor of a scenario: a text area with its lines coloured beneath it, marks at faults, and suggestions.
// All that is shown is put in as text, never as HTML.

const HTML = `
<label></label>
<div class="simcost-frame">
  <div class="simcost-gutter" aria-hidden="true"></div>
  <div class="simcost-body">
    <div class="simcost-colours" aria-hidden="true"></div>
    <textarea spellcheck="false" autocapitalize="off" autocomplete="off" wrap="off"></textarea>
    <div class="simcost-popup" hidden>
      <ul role="listbox" aria-label="Suggestions"></ul><div class="simcost-meaning"></div>
    </div>
  </div>
</div>
<div class="simcost-status" role="status"></div>`;
const LINE = 20;  // px, as in editor.css
const LEFT = 8;  // px from the edge to the first character
const PAUSE_MS = 300;
const TOKENS = new RegExp([
  /(#.*)/,
  /("(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?)/,
  /([\w./-][^\s:#{}[\],"']*(?: [^\s:#{}[\],"']+)*(?=\s*:(?:\s|$)))/,
  /([$]?[\d.]+[\w%/]*(?![\w.-]))/,
  /(\b(?:true|false|null)\b)/,
  /([\w./-]+|\s+|.)/,
].map((one) => one.source).join("|"), "g");
const CLASSES = [null, "comment", "text", "key", "number", "number"];
const editors = new WeakMap();
let count = 0;

export default function ({ parentElement, data, setTriggerValue }) {
  let editor = editors.get(parentElement);
  if (!editor || !editor.root.isConnected) {
    const root = parentElement.querySelector(".simcost-editor");
    editor = new Editor(root);
    editors.set(parentElement, editor);
  }
  editor.send = (event) => setTriggerValue("typed", event);
  editor.show(data);
  return () => editor.leave();
}

class Editor {
  constructor(root) {
    root.innerHTML = HTML;
    this.root = root;
    this.area = root.querySelector("textarea");
    this.gutter = root.querySelector(".simcost-gutter");
    this.colours = root.querySelector(".simcost-colours");
    this.popup = root.querySelector(".simcost-popup");
    this.list = root.querySelector("ul");
    this.known = null;  // the text that the server has, or is sent
    this.applied = null;  // the text that the whole page has followed
    this.waits = false;  // the page is to follow, and has not yet
    this.turn = 0;  // of the last text that was sent
    this.question = 0;
    this.faults = new Map();
    const id = `simcost-editor-${++count}`;
    this.area.id = id;
    this.list.id = `${id}-list`;
    root.querySelector("label").htmlFor = id;
    root.querySelector(".simcost-status").id = `${id}-status`;
    for (const [name, value] of [["aria-describedby", `${id}-status`], ["aria-autocomplete", "list"]])
      this.area.setAttribute(name, value);
    this.area.addEventListener("input", () => this.typed());
    this.area.addEventListener("keydown", (event) => this.pressed(event));
    this.area.addEventListener("blur", () => this.commit());
    this.area.addEventListener("click", () => this.close());
    this.area.addEventListener("scroll", () => { this.draw(); this.close(); });
    this.area.addEventListener("mousemove", (event) => this.hover(event));
    this.popup.addEventListener("mousedown", (event) => event.preventDefault());  // the text keeps the focus
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.area);
  }

  /** Take what the server says: its text, unless a later one is on its way to it, faults and suggestions. */
  show(data) {
    this.root.querySelector("label").textContent = data.label;
    this.area.maxLength = data.longest;
    const text = unified(data.text);
    if (data.turn >= this.turn) {
      if (text !== this.known) this.replace(text);
      this.turn = data.turn;
      this.waits = false;
    }
    if (unified(data.checked) === this.area.value) this.mark(data.faults);
    this.draw();
    if (data.completion && data.completion.question === this.question && document.activeElement === this.area) {
      this.question = 0;
      this.open(data.completion);
    }
  }

  replace(text) {
    const { selectionStart, selectionEnd, scrollTop, scrollLeft } = this.area;
    this.known = this.applied = text;
    if (this.area.value === text) return;
    this.area.value = text;
    this.area.setSelectionRange(selectionStart, selectionEnd);
    this.area.scrollTo(scrollLeft, scrollTop);
    this.close();
  }

  /** Let the page follow the text: when it is left, or on Ctrl+Enter. */
  commit() {
    this.close();
    clearTimeout(this.timer);
    if (this.area.value === this.applied) return;
    this.applied = this.area.value;
    this.waits = true;
    this.tell(false);
  }

  /** Send the text, and where suggestions are wanted its halves; a later event may replace one that is on its way. */
  tell(wanted) {
    const { value, selectionStart: at } = this.area;
    this.known = value;
    this.turn += 1;
    this.question = wanted ? this.turn : 0;
    const halves = wanted ? { before: value.slice(0, at), after: value.slice(at) } : null;
    this.send({ text: value, turn: this.turn, apply: this.waits, halves });
  }

  leave() {
    clearTimeout(this.timer);
    this.resized.disconnect();
  }

  typed() {
    this.area.setAttribute("aria-busy", "true");
    this.close();
    this.draw();
    this.askSoon(PAUSE_MS);
  }

  /** Send the text after a pause, to be checked; suggestions are wanted where a word or a value begins. */
  askSoon(after, wanted = false) {
    clearTimeout(this.timer);
    const { value, selectionStart: at, selectionEnd: end } = this.area;
    const line = value.slice(value.lastIndexOf("\n", at - 1) + 1, at);
    const begins = at === end && (wanted || /([\w./-]|[:,-] |\{)$/.test(line));
    this.timer = setTimeout(() => this.tell(begins), after);
  }

  pressed(event) {
    const { key } = event;
    const controlled = event.ctrlKey || event.metaKey;
    if (controlled && key === "Enter") { event.preventDefault(); this.commit(); return; }
    if (controlled && key === " ") { event.preventDefault(); this.askSoon(0, true); return; }
    if (!this.popup.hidden) {
      const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[key];
      if (step) { event.preventDefault(); this.select(this.selected + step); return; }
      if (key === "Escape") { event.preventDefault(); event.stopPropagation(); this.close(); return; }
      if ((key === "Enter" || key === "Tab") && !event.shiftKey && !this.isWritten()) {
        event.preventDefault();
        this.accept();
        return;
      }
      this.close();
    }
    if (key === "Escape") this.question = 0;
    if (key === "Enter" && !event.isComposing) { event.preventDefault(); this.newLine(); }
  }

  /** A new line keeps the indentation; below a key without a value it is deeper. */
  newLine() {
    const { value, selectionStart: at } = this.area;
    const line = value.slice(value.lastIndexOf("\n", at - 1) + 1, at);
    const indent = line.match(/^ *(?:- +)*/)[0].replace(/-/g, " ");
    this.insert("\n" + indent + (/:\s*$/.test(line) ? "  " : ""));
  }

  /** Put a text in the place of the selection, so that the browser can undo it. */
  insert(text) {
    this.area.focus();
    document.execCommand("insertText", false, text);
  }

  open({ suggestions, before, after }) {
    const { value, selectionStart: at } = this.area;
    const word = value.slice(at - before, at + after);
    if (!suggestions.length || (suggestions.length === 1 && suggestions[0][0] === word)) return;
    this.offered = { suggestions, before, after };
    this.list.replaceChildren(...suggestions.map(([text, meaning], index) => {
      const item = element("li", "", [element("span", "name", [text]), element("span", "short", [meaning])]);
      item.id = `${this.list.id}-${index}`;
      item.setAttribute("role", "option");
      item.addEventListener("click", () => { this.select(index); this.accept(); });
      return item;
    }));
    this.popup.hidden = false;
    this.area.setAttribute("aria-controls", this.list.id);
    this.place(at - before);
    this.select(0);
  }

  /** Put the suggestions below the word, or above it where there is more room. */
  place(at) {
    const until = this.area.value.slice(0, at);
    const row = until.split("\n").length - 1;
    const left = LEFT + this.width(until.slice(until.lastIndexOf("\n") + 1)) - this.area.scrollLeft;
    const top = row * LINE - this.area.scrollTop;
    const { clientWidth, clientHeight } = this.area;
    this.popup.style.left = `${Math.max(0, Math.min(left, clientWidth - this.popup.offsetWidth))}px`;
    const below = clientHeight - top - LINE >= this.popup.offsetHeight || top < clientHeight / 2;
    this.popup.style.top = below ? `${top + LINE}px` : "auto";
    this.popup.style.bottom = below ? "auto" : `${this.area.offsetHeight - top}px`;
  }

  width(text) {
    const context = (this.canvas ??= document.createElement("canvas")).getContext("2d");
    context.font = getComputedStyle(this.area).font;
    return context.measureText(text).width;
  }

  select(index) {
    const items = this.list.children;
    this.selected = Math.max(0, Math.min(index, items.length - 1));
    for (const item of items) item.setAttribute("aria-selected", String(item === items[this.selected]));
    items[this.selected].scrollIntoView({ block: "nearest" });
    this.area.setAttribute("aria-activedescendant", items[this.selected].id);
    this.popup.querySelector(".simcost-meaning").textContent = this.offered.suggestions[this.selected][1];
  }

  /** True if the selected suggestion stands there already. */
  isWritten() {
    const { suggestions, before, after } = this.offered;
    const at = this.area.selectionStart;
    return suggestions[this.selected][0] === this.area.value.slice(at - before, at + after);
  }

  accept() {
    const { suggestions, before, after } = this.offered;
    const [text] = suggestions[this.selected];
    const at = this.area.selectionStart;
    this.area.setSelectionRange(at - before, at + after);
    this.insert(text);
    this.close();
    this.askSoon(0);
  }

  close() {
    this.popup.hidden = true;
    for (const name of ["aria-activedescendant", "aria-controls"]) this.area.removeAttribute(name);
  }

  /** Show the faults of the text as it is. */
  mark(faults) {
    this.faults = new Map();
    for (const { line, message } of faults) this.faults.set(line, [...(this.faults.get(line) ?? []), message]);
    this.area.setAttribute("aria-busy", "false");
    this.area.setAttribute("aria-invalid", String(faults.length > 0));
    const status = this.root.querySelector(".simcost-status");
    const shown = faults.slice(0, 20).map(({ line, message }) => {
      if (!line) return element("div", "", [message]);
      const button = element("button", "", [`Line ${line}: ${message}`]);
      button.type = "button";
      button.addEventListener("click", () => this.go(line));
      return element("div", "", [button]);
    });
    const text = shown.map((one) => one.textContent).join("\n");
    if (text === this.status) return;
    this.status = text;
    status.replaceChildren(...(shown.length ? shown : ["No faults. Ctrl+Space suggests, Ctrl+Enter applies."]));
  }

  go(line) {
    const lines = this.area.value.split("\n").slice(0, line);
    const end = lines.join("\n").length;
    this.area.focus();
    this.area.setSelectionRange(end - lines[lines.length - 1].length, end);
    this.area.scrollTop = Math.max(0, (line - 4) * LINE);
  }

  /** The message of the line below the pointer. */
  hover(event) {
    const row = Math.floor((event.offsetY + this.area.scrollTop) / LINE) + 1;
    const title = (this.faults.get(row) ?? []).join("\n");
    if (this.area.title !== title) this.area.title = title;
  }

  /** Draw the lines that are seen. */
  draw() {
    const { scrollTop, scrollLeft, clientHeight, value } = this.area;
    if (this.split !== value) { this.split = value; this.lines = value.split("\n"); }
    const first = Math.floor(scrollTop / LINE);
    const last = Math.min(this.lines.length, Math.ceil((scrollTop + clientHeight) / LINE) + 1);
    const numbers = [], texts = [];
    for (let row = first; row < last; row++) {
      const messages = this.faults.get(row + 1);
      const number = element("div", messages ? "fault" : "", [String(row + 1)]);
      if (messages) number.title = messages.join("\n");
      const text = element("div", messages ? "fault" : "", coloured(this.lines[row]));
      number.style.top = text.style.top = `${row * LINE - scrollTop}px`;
      text.style.left = `${-scrollLeft}px`;
      numbers.push(number);
      texts.push(text);
    }
    this.gutter.style.width = `${String(this.lines.length).length + 3}ch`;
    this.gutter.replaceChildren(...numbers);
    this.colours.replaceChildren(...texts);
  }
}

/** The pieces of a line of YAML, each in its colour; a line is coloured as it stands, whatever is above it. */
function coloured(line) {
  const pieces = [];
  let before = " ";
  for (const match of line.slice(0, 2000).matchAll(TOKENS)) {
    let kind = match.slice(1).findIndex((one) => one !== undefined) + 1;
    const inWord = /[^\s{[,:]$/.test(before);
    if ((kind === 1 && !/\s$/.test(before)) || (kind > 2 && inWord && kind !== 3)) kind = 6;
    if (kind === 1) { pieces.push(element("span", CLASSES[1], [line.slice(match.index)])); return pieces; }
    pieces.push(CLASSES[kind] ? element("span", CLASSES[kind], [match[0]]) : match[0]);
    before = match[0];
  }
  pieces.push(line.slice(2000));
  return pieces;
}

/** The text as a text area holds it. */
function unified(text) {
  return text.replace(/\r\n?/g, "\n");
}

function element(tag, name, children) {
  const made = document.createElement(tag);
  if (name) made.className = `simcost-${name}`;
  made.append(...children);
  return made;
}
