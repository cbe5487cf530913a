// Where am I? The contents on the right follow the reader, a thin line shows how far the page is
// read, and this browser remembers where the reader stopped. Glossary words show their meaning.
// Nothing here asks anybody for anything; what is remembered stays in localStorage.
(() => {
  const root = () => new URL(document.documentElement.dataset.content_root || "./", location.href);
  const nameOf = (url) => { // of a page: "07_gpt/layers"
    const path = decodeURI(url.pathname).slice(decodeURI(root().pathname).length);
    return path.replace(/(^|\/)$/, "$1index").replace(/\.html$/, "");
  };
  const page = () => nameOf(location);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // ---- what is remembered: {last, chapters: {folder: place}, read: [page]} ----------------------

  const KEY = "zth-place";
  const recall = () => {
    try {
      const found = JSON.parse(localStorage.getItem(KEY));
      if (found && typeof found === "object") {
        return { last: found.last ?? null, chapters: found.chapters ?? {}, read: found.read ?? [] };
      }
    } catch { /* storage is forbidden, or holds something else */ }
    return { last: null, chapters: {}, read: [] };
  };
  const remember = (change) => {
    try {
      const all = recall();
      change(all);
      localStorage.setItem(KEY, JSON.stringify(all));
    } catch { /* then nothing is remembered */ }
  };
  // an address is made of what was stored only if it can be nothing but a page of this site
  const address = ({ page, hash }) =>
    /^\w[\w/-]*$/.test(page) && !page.includes("//") && /^(#[^\s"<>]+)?$/.test(hash)
      ? new URL(`${page}.html${hash}`, root()).href
      : null;
  const chapterOf = (name) => name.split("/").slice(0, -1).join("/") || name;

  // ---- the reader's place on this page ----------------------------------------------------------

  function follow(article, isBook, isDoor) {
    // The theme's own observer marks whatever heading crossed the window last. It knows the list
    // that it found; we put a copy in its place, so that it has nothing left to mark.
    const navs = [...document.querySelectorAll("nav.page-toc")];
    for (const list of navs.flatMap((nav) => [...nav.querySelectorAll(":scope > ul")])) {
      const copy = list.cloneNode(true);
      copy.querySelectorAll(".active").forEach((e) => e.classList.remove("active"));
      copy.querySelectorAll("[aria-current]").forEach((e) => e.removeAttribute("aria-current"));
      list.replaceWith(copy);
    }
    const all = (selector) => navs.flatMap((nav) => [...nav.querySelectorAll(selector)]);
    const links = all(".toc-entry > a[href^='#']");
    const entries = [...new Map(links.map((link) => [link.hash, link])).values()]
      .map((link) => {
        const section = document.getElementById(decodeURIComponent(link.hash.slice(1)));
        return section && { link, section, heading: section.querySelector("h1,h2,h3,h4,h5,h6") ?? section };
      })
      .filter(Boolean);

    const bar = make("div", { class: "zth-progress", "aria-hidden": "true" }, make("div"));
    if (isBook) document.body.append(bar);
    const top = backToTop();

    let active = null, jump = null, highest = 0, wait = 0;
    const passed = new Set(); // sections that were the current one: a page is read, not scrolled past

    // The reading line is a little below the place where a jump leaves a heading. Near the end of the
    // page, where the last headings cannot come up to it, it moves down to meet them.
    function readingLine() {
      const scroll = document.scrollingElement, high = innerHeight;
      const padding = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 80;
      const rest = scroll.scrollHeight - high - scroll.scrollTop;
      const base = padding + 40;
      return rest < high ? base + (1 - Math.max(0, rest) / high) * (high - base) : base;
    }
    // A section may be one that the browser has not laid out (content-visibility); its own box is
    // there in any case, and its heading is asked for only when it is near.
    function current() {
      const line = readingLine();
      for (let i = entries.length - 1; i >= 0; i--) {
        if (entries[i].section.getBoundingClientRect().top <= line
            && entries[i].heading.getBoundingClientRect().top <= line) return entries[i];
      }
      return null;
    }
    // After a jump the section that was asked for is the current one until the reader scrolls on.
    function jumped() {
      if (!jump) return null;
      const now = jump.entry.heading.getBoundingClientRect().top;
      if (jump.settled === null) return jump.entry;
      if (Math.abs(now - jump.settled) > 40) jump = null;
      return jump?.entry ?? null;
    }
    function land() {
      const entry = entries.find((e) => e.link.hash === location.hash);
      jump = entry ? { entry, settled: null } : null;
      const mine = jump;
      if (mine) setTimeout(() => { mine.settled = mine.entry.heading.getBoundingClientRect().top; }, 300);
      soon();
    }
    const release = () => { jump = null; };

    function mark(entry) {
      if (entry === active) return;
      active = entry;
      for (const link of links) {
        const here = link.hash === entry?.link.hash;
        link.classList.toggle("active", here);
        if (here) link.setAttribute("aria-current", "location");
        else link.removeAttribute("aria-current");
      }
      for (const item of all(".toc-entry")) { // unfolds the parts of the current entry
        item.classList.toggle("active", Boolean(item.querySelector("a.active")));
      }
      intoView();
    }
    // scrollIntoView({block: "nearest"}) would also move the page; this moves the side bar alone
    function intoView() {
      const link = links.find((a) => a.hash === active?.link.hash && a.getClientRects().length);
      if (!link) return; // the list is folded away
      const box = link.getBoundingClientRect();
      let frame = link.parentElement;
      while (frame && frame !== document.body) {
        if (/auto|scroll/.test(getComputedStyle(frame).overflowY) && frame.scrollHeight > frame.clientHeight) break;
        frame = frame.parentElement;
      }
      if (!frame || frame === document.body) return;
      const edge = frame.getBoundingClientRect(), space = 24;
      const above = Math.max(0, edge.top) + space - box.top;
      const below = box.bottom - Math.min(innerHeight, edge.bottom) + space;
      if (above > 0) frame.scrollTop -= above;
      else if (below > 0) frame.scrollTop += below;
    }
    // a folded list that is opened shows the current entry
    if (window.ResizeObserver) {
      const watch = new ResizeObserver(intoView);
      navs.forEach((nav) => watch.observe(nav));
    }

    function update() {
      wait = 0;
      const entry = jumped() ?? current();
      mark(entry);
      const box = article.getBoundingClientRect();
      const whole = box.height - innerHeight + Math.max(0, box.top + scrollY);
      const part = whole > 0 ? Math.min(1, Math.max(0, scrollY / whole)) : 1;
      bar.firstChild.style.transform = `scaleX(${part})`;
      top?.(scrollY);
      if (!isBook) return;
      if (entry) passed.add(entry);
      const end = box.bottom <= innerHeight + 2;
      if (scrollY > 200 || end && passed.size) note(entry, end);
    }
    const soon = () => { wait ||= requestAnimationFrame(update); };

    // The end of a page counts as its end if half of its sections were read on the way.
    let noted = "";
    function note(entry, end) {
      const done = end && passed.size * 2 >= entries.length;
      const next = done ? document.querySelector(".prev-next-area a.right-next") : null;
      const what = `${entry?.link.hash}${done}`;
      if (what === noted) return;
      noted = what;
      const title = (from) => from?.textContent.replace(/#\s*$/, "").replace(/\s+/g, " ").trim() ?? "";
      let place = { page: page(), hash: entry?.link.hash ?? "", title: pageTitle(), section: title(entry?.link) };
      if (next) { // this page is read: continue with the next one
        const name = number(title(next.querySelector(".prev-next-title")));
        place = { page: nameOf(next), hash: "", title: name, section: "" };
      }
      remember((all) => {
        if (done && !all.read.includes(page())) all.read.push(page());
        if (isDoor) return; // a door offers the way on, it is not the way
        all.last = place;
        const chapter = chapterOf(page());
        if (chapterOf(place.page) === chapter) all.chapters[chapter] = place;
        else delete all.chapters[chapter]; // the chapter is read
      });
      if (done) showRead();
    }

    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    addEventListener("hashchange", land);
    document.addEventListener("click", (event) => { // to where the address is already
      const link = event.target.closest?.("a[href]");
      if (link?.hash && link.hash === location.hash && link.pathname === location.pathname) land();
    });
    for (const kind of ["wheel", "touchmove"]) addEventListener(kind, release, { passive: true });
    addEventListener("keydown", (e) => {
      if (/^(Arrow(Up|Down)|Page(Up|Down)|Home|End| )$/.test(e.key)) release();
    });
    addEventListener("load", soon);
    land();
    update();
  }

  const number = (text) => text.replace(/^([\d.]+)\.\s/, "$1 "); // "7.3. Self-attention"
  const pageTitle = () => {
    const heading = document.querySelector("article h1")?.cloneNode(true);
    heading?.querySelectorAll(".headerlink").forEach((e) => e.remove());
    return number((heading?.textContent ?? document.title).replace(/\s+/g, " ").trim());
  };

  // ---- back to the top: in the header, where it covers nothing, after a long way up -------------

  function backToTop() {
    const header = document.querySelector(".bd-header-article .header-article-items__start");
    if (!header) return null;
    const button = make("button", { type: "button", class: "btn btn-sm zth-top", hidden: "" }, "↑ Top");
    button.setAttribute("aria-label", "Back to the top of the page");
    button.addEventListener("click", () => {
      scrollTo({ top: 0 });
      const title = document.querySelector("article h1"); // the focus goes along
      title?.setAttribute("tabindex", "-1");
      title?.focus({ preventScroll: true });
    });
    header.append(button);
    let before = scrollY, turned = scrollY;
    return (now) => {
      if (now > before) turned = now; // down again
      before = now;
      button.hidden = turned - now < innerHeight || now < innerHeight;
    };
  }

  // ---- continue, and what is read -----------------------------------------------------------------

  function offer(article, isDoor) {
    const all = recall();
    const place = isDoor ? all.chapters[chapterOf(page())] : all.last;
    const href = place && address({ page: String(place.page), hash: String(place.hash ?? "") });
    if (!href || place.page === page() || !place.title) return;
    const text = `Continue: ${place.title}${place.section ? `, ${place.section}` : ""}`;
    const away = make("button", { type: "button", "aria-label": "Do not offer to continue" }, "×");
    const line = make("p", { class: "zth-continue" }, make("a", { href }, text), " ", away);
    away.addEventListener("click", () => {
      remember((a) => { if (isDoor) delete a.chapters[chapterOf(page())]; else a.last = null; });
      line.remove();
    });
    (article.querySelector(".zth-actions, .zth-minutes") ?? article.querySelector("h1"))?.after(line);
  }

  function showRead() {
    const read = new Set(recall().read.map((name) => new URL(`${name}.html`, root()).pathname));
    for (const link of document.querySelectorAll("nav.bd-links a.reference.internal")) {
      if (!read.has(link.pathname) || link.querySelector(".zth-read")) continue;
      link.append(make("span", { class: "zth-read" }, make("span", { class: "visually-hidden" }, " (read)")));
    }
  }

  // ---- previous and next by the arrow keys -----------------------------------------------------------

  function turnPages() {
    const busy = "input, textarea, select, dialog, audio, video, mjx-container, [contenteditable=''], "
      + "[contenteditable=true], [role=dialog], [role=slider], [role=tab], [role=tablist], [role=menu], [role=listbox]";
    const sideways = (element) => {
      for (let e = element; e && e !== document.documentElement; e = e.parentElement) {
        if (e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX)) return true;
      }
      const scroll = document.scrollingElement;
      return scroll.scrollWidth > scroll.clientWidth + 1;
    };
    document.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const at = event.target instanceof Element ? event.target : document.body;
      if (at.closest(busy) || document.querySelector("dialog[open], [aria-modal=true]") || sideways(at)) return;
      const to = event.key === "ArrowLeft" ? "a.left-prev" : "a.right-next";
      document.querySelector(`.prev-next-area ${to}`)?.click();
    });
  }

  // ---- glossary words ------------------------------------------------------------------------------

  // The title of the link, which a mouse alone can see, becomes a tooltip that also comes with the focus
  // and with the first tap. It can be pointed at, and Escape closes it.
  function explain(article) {
    const tip = make("span", { role: "tooltip", id: "zth-tip", class: "zth-tip", hidden: "" });
    let open = null, closing = 0, opened = 0;
    function hide() {
      clearTimeout(closing);
      open?.removeAttribute("aria-describedby");
      open = null;
      tip.hidden = true;
    }
    function show(link) {
      clearTimeout(closing);
      if (open === link) return;
      hide();
      open = link;
      opened = Date.now();
      tip.textContent = link.dataset.says;
      tip.hidden = false;
      link.setAttribute("aria-describedby", tip.id);
      const word = link.getClientRects()[0] ?? link.getBoundingClientRect();
      const width = document.documentElement.clientWidth, gap = 6;
      const left = Math.min(Math.max(8, word.left), width - tip.offsetWidth - 8);
      const below = word.bottom + gap + tip.offsetHeight <= innerHeight;
      tip.style.left = `${left + scrollX}px`;
      tip.style.top = `${(below ? word.bottom + gap : word.top - gap - tip.offsetHeight) + scrollY}px`;
    }
    const later = () => { clearTimeout(closing); closing = setTimeout(hide, 150); };
    const links = article.querySelectorAll("a.zth-term[title]");
    if (!links.length) return;
    document.body.append(tip);
    for (const link of links) {
      link.dataset.says = link.title;
      link.removeAttribute("title");
      link.addEventListener("mouseenter", () => show(link));
      link.addEventListener("mouseleave", later);
      link.addEventListener("focus", () => show(link));
      link.addEventListener("blur", hide);
      // the first tap explains, the second one follows; a tap may have brought the focus just before
      link.addEventListener("pointerdown", (e) => { link.tapped = e.pointerType === "touch" && open !== link; });
      link.addEventListener("click", (event) => {
        if (!link.tapped) return;
        link.tapped = false;
        event.preventDefault();
        show(link);
      });
    }
    tip.addEventListener("mouseenter", () => clearTimeout(closing));
    tip.addEventListener("mouseleave", later);
    document.addEventListener("keydown", (e) => { if (e.key === "Escape") hide(); });
    document.addEventListener("pointerdown", (e) => { if (open && !open.contains(e.target) && e.target !== tip) hide(); });
    addEventListener("resize", hide);
  }

  // ---------------------------------------------------------------------------------------------------

  function start() {
    const article = document.querySelector("article.bd-article");
    if (!article) return;
    const isBook = Boolean(article.querySelector(".zth-minutes"));
    const isDoor = isBook && /\/index$/.test(page());
    follow(article, isBook, isDoor);
    if (page() === "index" || isDoor) offer(article, isDoor);
    showRead();
    turnPages();
    explain(article);
  }
  // after the theme, whose deferred scripts have run when the first of these events comes
  let started = false;
  const once = () => { if (!started) { started = true; start(); } };
  if (document.readyState === "complete") once();
  for (const event of ["DOMContentLoaded", "load"]) addEventListener(event, once);
})();
