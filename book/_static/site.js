// Names for controls of the theme that a screen reader would otherwise misread or skip.
(() => {
  const name = () => {
    // their visible text is longer than the label that hides it
    document.querySelectorAll("button.search-button__button").forEach((b) => b.removeAttribute("aria-label"));
    document.querySelectorAll("button.theme-switch-button").forEach((b) => {
      const said = b.textContent.replace(/\s+/g, " ").trim();
      if (said) b.removeAttribute("aria-label");
    });
    // the arrows that unfold a part of the table of contents
    document.querySelectorAll("nav.bd-links details > summary").forEach((s) => {
      const page = s.closest("li")?.querySelector(":scope > a");
      if (page) s.setAttribute("aria-label", `Pages under ${page.textContent.trim()}`);
    });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", name);
  else name();
  // the theme writes the label of its switch when the mode changes
  addEventListener("load", name);
})();
