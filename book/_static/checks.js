// The switch "Show checks" in the header opens all folded checks of a page, or closes them; the choice
// is remembered. Pages without checks have no switch, and without scripts each fold opens by itself.
(() => {
  const key = "zth-checks";
  const remembered = () => {
    try { return localStorage.getItem(key) === "shown"; } catch { return false; }
  };
  const remember = (shown) => {
    try { localStorage.setItem(key, shown ? "shown" : "folded"); } catch { /* it holds for this page */ }
  };

  const start = () => {
    const checks = document.querySelectorAll("article details.zth-check");
    const header = document.querySelector(".bd-header-article .article-header-buttons");
    if (!checks.length || !header) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm zth-checks";
    button.innerHTML = '<span class="zth-word">Show checks</span>';
    const show = (shown) => {
      button.setAttribute("aria-pressed", shown);
      checks.forEach((fold) => { fold.open = shown; });
    };
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      // the reader keeps the line that is in view, whatever opens above it
      const anchor = [...document.querySelectorAll("article :is(h1, h2, h3, p:not(.zth-badges))")]
        .find((e) => e.getBoundingClientRect().bottom > 80);
      const before = anchor?.getBoundingClientRect().top;
      show(shown);
      remember(shown);
      if (anchor) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
    });
    header.prepend(button);
    button.setAttribute("aria-pressed", "false");
    if (remembered()) show(true);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
