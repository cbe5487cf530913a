// The search itself: counts the words of the book, ranks its sections, and shows them as one types.
// Loaded by the search page, and by find.js when the search dialog is opened.
window.zthSearch = (() => {
  const { root, normal, parts, keys, WORD, asked, answers, mark, load, readdress } = zthFind;

  // ---- the index -----------------------------------------------------------------------------------

  // How much a word counts by where it is: in the title, among the glossary terms that a section explains
  // and the names of code in their entries, among the names that the section defines, in the titles above
  // it, in its text, in its code.
  const WEIGHT = { title: 5, terms: 4, hints: 3, defines: 4, above: 1, text: 1, code: 0.7 };
  const KIND = { section: 1, term: 1, name: 0.7, exercise: 0.6, work: 0.6 };
  const LENGTH = 0.5; // how far a long text is held against its words: 0 not at all, 1 in full
  const ENOUGH = 1.2; // from how many times on a further one hardly counts

  // Reads what search-index.js holds and counts the words: for each key, how much it counts in which entry.
  function build({ pages, entries }) {
    const all = entries.map(([page, kind, anchor, title, within, text, code, defines, terms, hints], number) => {
      const [url, name, chapter, weight] = pages[page];
      return { number, url, page: name, chapter, weight, kind, anchor, title, within, text, code, defines, terms, hints };
    });
    const sections = all.filter((e) => e.kind === "section");
    const usual = sections.reduce((sum, e) => sum + e.text.length, 0) / sections.length;
    const counts = new Map(), forms = new Map();
    const keysOf = (word) => { // of a word and of its parts, found out once
      if (!forms.has(word)) forms.set(word, [...new Set([word, ...parts(word)].map(normal))]);
      return forms.get(word);
    };
    all.forEach((entry, number) => {
      const long = 1 - LENGTH + (LENGTH * entry.text.length) / usual;
      const here = new Map();
      const add = (text, weight) => {
        for (const word of text.match(WORD) ?? []) {
          for (const key of keysOf(word)) here.set(key, (here.get(key) ?? 0) + weight);
        }
      };
      add(entry.title, WEIGHT.title);
      add(entry.terms.join(" "), WEIGHT.terms);
      add(entry.defines, WEIGHT.defines);
      add(entry.hints, WEIGHT.hints);
      add(`${entry.within} ${entry.anchor ? entry.page : ""} ${entry.chapter}`, WEIGHT.above);
      add(entry.text, WEIGHT.text / long);
      add(entry.code, WEIGHT.code / long);
      for (const [key, weight] of here) {
        if (!counts.has(key)) counts.set(key, new Map());
        counts.get(key).set(number, weight);
      }
      entry.names = [entry.title, ...entry.terms, ...entry.defines.split(" ")].map((n) => keys(n).join(" "));
    });
    return { all, counts, vocabulary: [...counts.keys()].sort() };
  }

  // The keys that begin with a key: binary search in the sorted vocabulary.
  function beginning({ vocabulary }, key) {
    let low = 0, high = vocabulary.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (vocabulary[middle] < key) low = middle + 1; else high = middle;
    }
    let end = low;
    while (end < vocabulary.length && vocabulary[end].startsWith(key)) end++;
    return vocabulary.slice(low, end);
  }

  // Scores by BM25 (see Robertson and Zaragoza, 2009): a rare word tells more than a common one, and the
  // tenth time tells less than the first. A word that only begins as the one asked for counts for less.
  function score(index, key) {
    const { all, counts } = index, scores = new Map();
    for (const other of key.length > 2 ? beginning(index, key) : [key]) {
      const places = counts.get(other);
      if (!places) continue;
      const rare = Math.log(1 + (all.length - places.size + 0.5) / (places.size + 0.5));
      const same = other === key ? 1 : 0.4 * (key.length / other.length);
      for (const [number, count] of places) {
        const value = (same * rare * count * (ENOUGH + 1)) / (count + ENOUGH);
        if (value > (scores.get(number) ?? 0)) scores.set(number, value);
      }
    }
    return scores;
  }

  const named = (entry) => [...(entry.kind === "name" ? [entry.title] : []), ...entry.defines.split(" ")];

  // Whether the words follow each other in a text.
  function together(text, wanted) {
    const own = keys(text);
    return own.some((_, i) => wanted.every((key, j) => own[i + j] === key));
  }

  // The entries that answer a query, best first. Those that have all its words, or else most of them.
  function find(index, query) {
    const words = asked(query), wanted = [...new Set(words.map(normal))], found = new Map();
    for (const key of wanted) {
      for (const [number, value] of score(index, key)) {
        const one = found.get(number) ?? { value: 0, words: 0 };
        found.set(number, { value: one.value + value, words: one.words + 1 });
      }
    }
    const most = Math.max(0, ...[...found.values()].map((one) => one.words));
    const whole = keys(words.join(" ")).join(" "), plain = query.trim();
    const hits = [...found].filter(([, one]) => one.words === most).map(([number, { value }]) => {
      const entry = index.all[number];
      let worth = value * KIND[entry.kind] * entry.weight;
      if (entry.names.includes(whole)) worth *= entry.kind === "term" ? 3 : 2;
      else if (entry.names.some((name) => ` ${name} `.includes(` ${whole} `))) worth *= 1.3;
      if (/[A-Z_]/.test(plain) && named(entry).includes(plain)) worth *= entry.kind === "name" ? 5 : 3; // Value, not value
      return { entry, worth };
    });
    hits.sort((a, b) => b.worth - a.worth || a.entry.number - b.entry.number);
    if (wanted.length > 1) { // only for the best: each text is read for it
      for (const hit of hits.slice(0, 60)) if (together(hit.entry.text, wanted)) hit.worth *= 1.4;
      hits.sort((a, b) => b.worth - a.worth || a.entry.number - b.entry.number);
    }
    return { hits: hits.map((hit) => hit.entry), wanted, missing: most < wanted.length };
  }

  // About thirty words of a text, or a whole definition, around the place where most of the words asked for stand together.
  function excerpt({ text, kind }, wanted) {
    const places = [...text.matchAll(WORD)].filter(([word]) => answers(word, wanted)).map((m) => m.index);
    const size = kind === "term" ? 320 : 180;
    let best = 0, most = -1;
    places.forEach((from, i) => {
      const near = places.slice(i).filter((at) => at < from + size).map((at) => normal(text.slice(at).match(WORD)[0]));
      const worth = new Set(near).size * 10 + near.length;
      if (worth > most) [most, best] = [worth, from];
    });
    let from = Math.max(0, best - 60);
    const stop = text.lastIndexOf(". ", best);
    if (stop >= 0 && best - stop < 90) from = stop + 2;
    else if (from) from = text.indexOf(" ", from) + 1;
    if (best < 70 || kind === "term" || text.length < size) from = 0; // a definition begins at its beginning
    let to = Math.min(text.length, from + size);
    if (to < text.length) to = text.lastIndexOf(" ", to);
    return (from ? "… " : "") + text.slice(from, to) + (to < text.length ? " …" : "");
  }

  // ---- what one sees -------------------------------------------------------------------------------

  let index; // a promise of it, once somebody has asked
  function ready() {
    index ??= load("search-index.js").then(() => build(window.zthIndex));
    index.catch(() => { index = undefined; }); // so that the next key stroke tries again
    return index;
  }

  const KINDS = { term: "Glossary", name: "Reference", exercise: "Exercise", work: "Bibliography" };

  function element(tag, className, ...inside) {
    const one = document.createElement(tag);
    if (className) one.className = className;
    one.append(...inside);
    return one;
  }

  // One result: the title, which is the link; the chapter, page and section around it; some words.
  function result(entry, query, wanted) {
    const link = element("a", "", entry.title);
    link.href = `${root}${entry.url}?find=${encodeURIComponent(asked(query).join(" ")).replaceAll("%20", "+")}`
      + (entry.anchor ? `#${entry.anchor}` : "");
    if (entry.kind === "name") link.classList.add("zth-found-code");
    const around = entry.kind === "term" || entry.kind === "work" ? [] : [entry.chapter, entry.anchor && entry.page];
    if (entry.kind !== "name") around.push(entry.kind === "work" ? "" : entry.within);
    const where = element("p", "zth-found-where");
    if (KINDS[entry.kind]) where.append(element("span", "zth-found-kind", KINDS[entry.kind]));
    where.append(around.filter((part) => part && part !== entry.title).join(" › "));
    const words = element("p", "zth-found-words", excerpt(entry, wanted));
    const item = element("li", "", link, where, words);
    if (!where.textContent) where.remove();
    mark(item.firstChild, wanted);
    mark(words, wanted);
    return item;
  }

  // Shows the results for a query in a box; `first` of them, and a way to the others.
  async function show(box, query, first, more) {
    const turn = (box.turn = (box.turn ?? 0) + 1); // a later query must not be overtaken by an earlier one
    query = query.trim();
    box.hidden = !query;
    if (!asked(query).length) return box.replaceChildren();
    const said = box.querySelector("[role=status]") ?? element("p", "zth-found-count");
    said.setAttribute("role", "status"); // it stays in the page, so that a screen reader hears it change
    if (!said.isConnected) box.replaceChildren(said);
    let built;
    try {
      built = await ready();
    } catch {
      said.textContent = "The index of the search could not be loaded. Is there a connection?";
      return;
    }
    if (turn !== box.turn) return;
    const { hits, wanted, missing } = find(built, query);
    const some = missing ? "no place has all of these words; these have most of them" : "";
    said.textContent = hits.length
      ? `${hits.length} ${hits.length === 1 ? "place" : "places"} found for “${query}”${some && `: ${some}`}`
      : `“${query}” did not match anything. Try another word for it, or fewer words.`;
    const list = element("ol", "zth-found", ...hits.slice(0, first).map((hit) => result(hit, query, wanted)));
    box.replaceChildren(said, list);
    if (hits.length > first) box.append(more(hits.length, () => show(box, query, Infinity, more)));
  }

  // Arrow keys lead from the field to the results and through them.
  function arrows(area, field) {
    area.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const stops = [field, ...area.querySelectorAll(".zth-found a")];
      const at = stops.indexOf(document.activeElement);
      if (!step || at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
      const next = stops[at + step];
      if (next) next.focus();
      event.preventDefault();
    });
  }

  const attached = new WeakSet();

  // Lets a search form answer while one types: the one of the search page, or the one of the dialog.
  function attach(form) {
    if (!form || attached.has(form)) return;
    attached.add(form);
    const field = form.querySelector("input[type=search]"), dialog = form.closest("dialog");
    let box = document.querySelector("#search-results");
    if (dialog) {
      box = element("div", "zth-found-box");
      dialog.append(box);
    }
    const all = (count) => {
      const link = element("a", "zth-found-more", `All ${count} results`);
      link.href = `${form.action.split("#")[0]}?q=${encodeURIComponent(field.value)}`;
      return link;
    };
    const rest = (count, act) => {
      const button = element("button", "zth-found-more", `Show all ${count} results`);
      button.type = "button";
      button.onclick = async () => {
        const shown = box.querySelectorAll(".zth-found a").length;
        await act();
        box.querySelectorAll(".zth-found a")[shown]?.focus();
      };
      return button;
    };
    const answer = () => show(box, field.value, dialog ? 8 : 20, dialog ? all : rest);
    const remember = (how) => {
      if (dialog) return;
      const here = new URL(location);
      here.searchParams.set("q", field.value);
      if (here.href !== location.href) readdress(how, here);
    };
    let waiting;
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { answer(); remember("replaceState"); }, 80);
    });
    arrows(dialog ?? form.closest("article, main"), field);
    ready().catch(() => {});
    if (dialog) return answer();
    form.addEventListener("submit", async (event) => {
      event.preventDefault(); // the answer is here already, and Enter goes to its first line
      clearTimeout(waiting);
      remember("pushState");
      await answer();
      box.querySelector(".zth-found a")?.focus();
    });
    const asks = () => { field.value = new URLSearchParams(location.search).get("q") ?? ""; answer(); };
    addEventListener("popstate", asks);
    asks();
    field.focus();
    field.select();
  }

  const begin = () => attach(document.querySelector(".bd-search-container form.bd-search"));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
  return { build, find, excerpt, attach };
})();
