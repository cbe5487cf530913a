// The part of the search that every page carries: what counts as the same word, the marks on a page
// that a search has led to (`?find=kv+cache`), and the call for the rest, which nobody pays for who
// does not search.
const zthFind = (() => {
  const root = document.documentElement.dataset.content_root ?? "./";

  // ---- words ---------------------------------------------------------------------------------------

  const ODD = new Map(Object.entries({ // plurals and spellings that follow no rule
    matrices: "matrix", indices: "index", vertices: "vertex", axes: "axis", analyses: "analysis",
    hypotheses: "hypothesis", bases: "basis", biases: "bias", grey: "gray", artefact: "artifact",
    learnt: "learn", cpus: "cpu", gpus: "gpu", tpus: "tpu", tied: "tie", used: "use", using: "use",
    meaning: "meaning", // not the mean
  }));
  const known = new Map();

  // One key for the forms of a word: tokeniser and tokenizers, colour and colors, modelling and modeled,
  // mask and masked. The key is never shown, so it need not be a word; it must only be the same.
  function normal(word) {
    let key = known.get(word);
    if (key !== undefined) return key;
    key = word.toLowerCase();
    if (/[^\0-\x7f]/.test(key)) key = key.normalize("NFKD").replace(/\p{M}/gu, "");
    const odd = ODD.get(key);
    if (odd && odd !== key) key = normal(odd);
    if (!odd && key.length > 3 && /^[a-z]+$/.test(key)) {
      key = key
        .replace(/([^aeiou])ies$/, "$1y").replace(/([a-z][^aeiou])ied$/, "$1y")
        .replace(/(ss|x|z|ch|sh)es$/, "$1").replace(/([^siu]|[^a-z]u|ou)s$/, "$1")
        .replace(/(?<=[a-z]{2}[aeiouy]?)(is|ys)(?=(e|ed|er|ers|ing|ation|able)$)/, (s) => s[0] + "z")
        .replace(/(?<=[a-z]{2})our(?=(ed|ing|al|ful|able|hood|ite|less)?$)/, "or")
        .replace(/(?<=[a-z]{2})tre$/, "ter").replace(/ence$/, "ense").replace(/ogue$/, "og")
        .replace(/(?<=[aeiouy][a-z]*)(?<=.{3})ing$/, "").replace(/(?<=[aeiouy][a-z]*)(?<=.{4}|[^e]{3})(?<!e)ed$/, "")
        .replace(/(?<=.{3})e$/, "").replace(/([a-rt-z])\1$/, "$1");
    }
    known.set(word, key);
    return key;
  }

  // The words of a text. Names of code count as a whole and by their parts: KVCache is also "kv cache".
  const WORD = /[\p{L}\p{N}_]+/gu;
  const PARTS = /\p{Lu}+(?![\p{Ll}])|\p{Lu}?[\p{Ll}]+|\p{N}+/gu;
  const parts = (word) => (/_|[a-z\d][A-Z]|[A-Z]{2}[a-z]/.test(word) ? word.match(PARTS) ?? [] : []);
  const keys = (text) => (text.match(WORD) ?? []).map(normal);

  const SMALL = new Set(("a an and are as at be by do does for from how i in is it of on or the this to "
    + "what when where which why with").split(" "));

  // The words asked for, without those that are in every sentence, unless there are no others.
  function asked(query) {
    const all = query.match(WORD) ?? [];
    const telling = all.filter((word) => !SMALL.has(word.toLowerCase()));
    return telling.length ? telling : all;
  }

  // Whether a word of a text answers one that was asked for: in another form, or as its beginning.
  function answers(word, wanted) {
    const fits = (key) => wanted.some((w) => key === w || (w.length > 2 && key.startsWith(w)));
    return fits(normal(word)) || parts(word).some((part) => wanted.includes(normal(part)));
  }

  // Puts <mark> around the words asked for, in all text of an element; returns the marks.
  function mark(element, wanted) {
    const skip = "script, style, svg, button, mark, .math, mjx-container, .headerlink, .sd-d-none";
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const found = [], marks = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const hits = [...node.data.matchAll(WORD)].filter(([word]) => answers(word, wanted));
      if (hits.length && !node.parentElement.closest(skip)) found.push([node, hits]);
    }
    for (const [node, hits] of found) {
      for (const hit of hits.reverse()) { // from the end, so that the places before stay where they are
        const tail = node.splitText(hit.index);
        tail.splitText(hit[0].length);
        const around = document.createElement("mark");
        around.className = "zth-mark";
        tail.replaceWith(around);
        around.append(tail);
        marks.push(around);
      }
    }
    return marks.sort((a, b) => (a.compareDocumentPosition(b) & 4 ? -1 : 1));
  }

  // ---- what is loaded when it is needed ------------------------------------------------------------

  const asking = new Map();
  function load(path) {
    if (!asking.has(path)) {
      asking.set(path, new Promise((done, fail) => {
        const style = path.endsWith(".css");
        const tag = document.createElement(style ? "link" : "script");
        if (style) tag.rel = "stylesheet";
        tag[style ? "href" : "src"] = root + path;
        tag.onload = done;
        tag.onerror = () => { asking.delete(path); tag.remove(); fail(new Error(path)); };
        document.head.append(tag);
      }));
    }
    return asking.get(path);
  }

  // Changes the address that is shown; a page that was opened as a file may not.
  function readdress(how, url) {
    try { history[how](history.state, "", url); } catch { /* then the old one stays */ }
  }

  // ---- marks on the page that a search has led to --------------------------------------------------

  // Not in a folded part; the content of a closed <details> has a box all the same.
  const visible = (m) => m.getClientRects().length && !m.closest("details:not([open]) > :not(summary)");

  function bar(query, marks) {
    const box = document.createElement("aside");
    box.className = "zth-marks";
    box.setAttribute("aria-label", "Words you searched for");
    box.innerHTML = '<span role="status"></span><button type="button">Next</button>'
      + '<button type="button">Remove marks</button>';
    const [said, next, remove] = box.children;
    const shown = () => marks.filter(visible);
    const count = shown().length, hidden = marks.length - count;
    said.textContent = `“${query}”: ${count} ${count === 1 ? "mark" : "marks"}`
      + (hidden ? `, ${hidden} in folded parts` : "");
    let at = -1;
    next.hidden = !count;
    next.onclick = () => {
      const seen = shown();
      // from where the reader is, not from where the last click was
      const below = seen.findIndex((m) => m.getBoundingClientRect().top > innerHeight * 0.55);
      at = below < 0 || below === at ? (at + 1) % seen.length : below;
      seen.forEach((m, i) => m.classList.toggle("zth-mark-here", i === at));
      seen[at].scrollIntoView({ block: "center" });
    };
    function clear() {
      for (const one of marks) {
        const around = one.parentNode;
        one.replaceWith(...one.childNodes);
        around.normalize();
      }
      box.remove();
      removeEventListener("keydown", escape);
      const here = new URL(location);
      here.searchParams.delete("find");
      readdress("replaceState", here);
    }
    function escape(event) {
      const busy = document.querySelector("dialog[open]") || event.target.closest?.("input, textarea");
      if (event.key === "Escape" && !busy) clear();
    }
    remove.onclick = () => {
      clear();
      document.querySelector("#main-content")?.focus({ preventScroll: true });
    };
    addEventListener("keydown", escape);
    document.body.append(box);
  }

  // The heading is on top already, as the address names it. Where the first mark below it is out of
  // sight, that is shown instead: sections can be long.
  function show(marks) {
    const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const after = (m) => !named || named.contains(m) || named.compareDocumentPosition(m) & 4;
    const first = marks.find((m) => after(m) && visible(m));
    if (named) named.scrollIntoView();
    if (!first) return;
    const from = named ? named.getBoundingClientRect().top : 0;
    if (first.getBoundingClientRect().top - from > innerHeight * 0.8) first.scrollIntoView({ block: "center" });
  }

  async function begin() {
    const query = new URLSearchParams(location.search).get("find");
    const article = document.querySelector("article");
    const wanted = query ? asked(query).map(normal) : [];
    if (wanted.length && article) {
      await load("_static/search.css").catch(() => {});
      const marks = mark(article, wanted);
      bar(query, marks);
      show(marks);
      // pictures, fonts and formulas that come late move the place, unless the reader has moved first
      let moved = false;
      for (const kind of ["wheel", "touchstart", "keydown", "pointerdown"]) {
        addEventListener(kind, () => { moved = true; }, { once: true, passive: true });
      }
      addEventListener("load", async () => {
        await window.MathJax?.startup?.promise;
        if (!moved) show(marks);
      });
    }
    // the theme's dialog: whoever opens it is about to search
    document.querySelector("#pst-search-dialog")?.addEventListener("focusin", async (event) => {
      if (!event.target.matches("input")) return;
      await Promise.all(["_static/search.js", "_static/search.css"].map(load)).catch(() => {});
      window.zthSearch?.attach(event.target.form);
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
  return { root, normal, parts, keys, WORD, asked, answers, mark, load, readdress };
})();
