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
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", name);
  else name();
  // the icons are replaced by drawings while the page loads
  addEventListener("load", () => { name(); setTimeout(name, 200); });
})();
