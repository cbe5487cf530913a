// A picture that is shown smaller than it was drawn can be enlarged: it opens in a dialog at its natural
// size, in which no label is below 8 pixels. The button for it stands in the line of the caption, where it
// covers nothing of the picture; a tap or a click on the picture does the same.
(() => {
  const pictures = "article figure img, article div.cell_output img, article div.cell_output svg";
  let dialog;

  const naturalWidth = (picture) => {
    if (picture instanceof SVGSVGElement) return picture.viewBox.baseVal?.width || 0;
    return picture.naturalWidth || Number(picture.getAttribute("width")) || 0;
  };

  const build = () => {
    dialog = document.createElement("dialog");
    dialog.className = "zth-zoom";
    dialog.innerHTML =
      '<div class="zth-zoom-bar"><span></span><button type="button">Close</button></div>' +
      '<div class="zth-scroll" tabindex="0" role="group"></div>';
    dialog.querySelector("button").addEventListener("click", () => dialog.close());
    // the dialog has no padding: what is hit outside its parts is the ground behind it
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
  };

  const enlarge = (picture, name) => {
    if (!dialog) build();
    const copy = picture.cloneNode(true);
    const width = naturalWidth(picture);
    copy.removeAttribute("id");
    copy.style.width = `${width}px`;
    copy.style.maxWidth = "none";
    const room = dialog.querySelector(".zth-scroll");
    room.replaceChildren(copy);
    room.setAttribute("aria-label", name);
    dialog.querySelector("span").textContent = name;
    dialog.setAttribute("aria-label", `${name}, enlarged`);
    dialog.showModal();
    room.scrollTo(0, 0);
    dialog.querySelector("button").focus();
    // a copy of a drawing holds names that the page has already; the focus goes back by itself
    dialog.addEventListener("close", () => room.replaceChildren(), { once: true });
  };

  const buttons = new Map();
  const offer = (picture) => {
    const caption = picture.closest("figure")?.querySelector("figcaption");
    const number = caption?.querySelector(".caption-number")?.textContent.trim();
    const button = document.createElement("button");
    button.type = "button";
    button.className = "zth-enlarge";
    button.setAttribute("aria-haspopup", "dialog");
    button.setAttribute("aria-label", `Enlarge ${number || "the picture"}`);
    button.addEventListener("click", () => enlarge(picture, number || "Picture"));
    if (caption) caption.append(button);
    else picture.after(button);
    picture.addEventListener("click", (event) => {
      // a drawing may have links of its own
      if (button.hidden || event.target.closest("a")) return;
      button.focus({ preventScroll: true }); // so that it comes back to the figure
      button.click();
    });
    buttons.set(picture, button);
  };

  // What a file shows is not to be asked: a few figures have labels of 8 pixels as they were drawn. A
  // drawing in the page tells the size of its words.
  const isSmall = (picture, shown) => {
    const scale = shown / naturalWidth(picture);
    if (!(picture instanceof SVGSVGElement)) return scale < 0.97;
    const sizes = [...picture.querySelectorAll("text")]
      .map((text) => parseFloat(getComputedStyle(text).fontSize));
    return sizes.length ? scale < 1 && Math.min(...sizes) * scale < 9.5 : scale < 0.6;
  };

  const review = (picture) => {
    const shown = picture.getBoundingClientRect().width;
    const small = shown > 0 && isSmall(picture, shown);
    if (small && !buttons.has(picture)) offer(picture);
    const button = buttons.get(picture);
    if (button) button.hidden = !small;
    picture.classList.toggle("zth-small", small);
  };

  const start = () => {
    const all = [...document.querySelectorAll(pictures)].filter(
      (p) => !p.parentElement.closest("svg") && !p.closest("a, button"),
    );
    // tells of every picture when it gets a size: when it has loaded, its fold opens, the window changes
    const watch = new ResizeObserver((entries) => entries.forEach((entry) => review(entry.target)));
    all.forEach((picture) => {
      watch.observe(picture);
      picture.addEventListener("load", () => review(picture)); // sized before it was there
    });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
