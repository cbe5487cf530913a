// A link to a constant of the reference opens the fold it is in; not every browser does that by itself.
(() => {
  const open = () => {
    const at = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const fold = at?.closest("details.zth-constants:not([open])");
    if (!fold) return;
    fold.open = true;
    at.scrollIntoView();
  };
  addEventListener("hashchange", open);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", open);
  else open();
})();
