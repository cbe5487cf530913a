// Names for controls of the theme that a screen reader would otherwise misread or skip.
(() => {
  const all = (selector, act) => document.querySelectorAll(selector).forEach(act);
  const name = () => {
    // its visible text, "Search Ctrl + K", says more than the label that hides it
    all("button.search-button-field", (b) => b.removeAttribute("aria-label"));
    // three icons stand in the button, each with a title; the label of the button says what it does
    all("button.theme-switch-button :is(i, svg)", (icon) => {
      icon.removeAttribute("title");
      icon.removeAttribute("aria-labelledby");
      icon.setAttribute("aria-hidden", "true");
      icon.querySelector("title")?.remove();
    });
    // the arrows that unfold a part of the table of contents
    all("nav.bd-links details > summary", (s) => {
      const page = s.closest("li")?.querySelector(":scope > a");
      if (page) s.setAttribute("aria-label", `Pages under ${page.textContent.trim()}`);
    });
    // a box that unfolds: all its buttons say "Toggle hidden content"
    all(".admonition-title > button.toggle-button", (b) => {
      const title = b.parentElement.textContent.replace(b.textContent, "");
      b.setAttribute("aria-label", title.replace(/\s+/g, " ").trim());
    });
    // folds of one title, and "Check", are told apart by the first line of what they hold
    const folds = [...document.querySelectorAll(".bd-article details > summary:not([aria-label])")];
    const count = Map.groupBy?.(folds, (s) => s.textContent.trim());
    folds.forEach((s) => {
      const title = s.textContent.trim(), inside = s.nextElementSibling;
      if (!inside || (/\s/.test(title) && count?.get(title).length === 1)) return;
      const code = (inside.querySelector("pre") ?? inside).textContent.trim().split("\n")[0];
      s.setAttribute("aria-label", `${title}: ${code.slice(0, 60)}`);
    });
    // buttons to copy all have one name; theirs is that of the cell, as far as its first line tells
    all("button.copybtn", (b) => {
      const line = b.parentElement.querySelector("pre")?.textContent.trim().split("\n")[0] ?? "";
      if (line) b.setAttribute("aria-label", `Copy: ${line.slice(0, 60)}`);
    });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", name);
  else name();
  // The theme scrolls the list of pages to where it was on the page before; the page that one is on may
  // be elsewhere in it.
  const show = () => {
    const list = document.querySelector("#pst-primary-sidebar");
    const here = [...document.querySelectorAll("#pst-primary-sidebar nav.bd-links a.current")].pop();
    if (!here?.checkVisibility()) return;
    const room = list.getBoundingClientRect(), place = here.getBoundingClientRect();
    if (place.top >= room.top && place.bottom <= Math.min(room.bottom, innerHeight)) return;
    list.scrollTop += place.top - room.top - list.clientHeight / 3;
  };
  // the icons are replaced by drawings while the page loads
  addEventListener("load", () => { name(); show(); setTimeout(name, 200); });
})();
