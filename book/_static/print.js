// A page is printed in the light colours, also from the dark theme: the theme's rules for code and
// pictures look at this attribute of the page. Pictures that wait for the reader are fetched.
(() => {
  const root = document.documentElement;
  let before = null;
  const light = () => {
    if (before === null) before = root.dataset.theme;
    root.dataset.theme = "light";
    document.querySelectorAll("img[loading=lazy]").forEach((image) => { image.loading = "eager"; });
  };
  const restore = () => {
    if (before !== null) root.dataset.theme = before;
    before = null;
  };
  addEventListener("beforeprint", light);
  addEventListener("afterprint", restore);
  matchMedia("print").addEventListener("change", (event) => (event.matches ? light() : restore()));
})();
