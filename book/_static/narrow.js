// What narrow windows need besides their style: lines of code that hang when they are folded, keys
// for formulas that scroll, and a name for the button that opens the contents of the page.
(() => {
  const narrow = matchMedia("(max-width: 40rem)"); // as in narrow.css

  // Moves the nodes of a block into one element per line. The text stays as it was, so that what is
  // copied is the code; highlighting marks parts of a line, or a whole one with its end.
  const hang = (pre) => {
    const lines = [];
    let line = null;
    const add = (node) => {
      if (!line) {
        line = document.createElement("span");
        line.className = "zth-line";
        lines.push(line);
      }
      line.append(node);
      if (node.textContent.endsWith("\n")) line = null;
    };
    for (const node of [...pre.childNodes]) {
      if (node.nodeType !== Node.TEXT_NODE) add(node);
      else for (const part of node.data.split(/(?<=\n)/)) add(document.createTextNode(part));
    }
    for (const each of lines) {
      const indent = each.textContent.search(/\S|$/);
      // deep code would hang in a column too narrow to read, and the second line of a call, which stands
      // below its bracket, has no room there: it begins further left than it was written
      each.style.setProperty("--zth-indent", Math.min(indent, 12));
      if (indent > 16) each.style.setProperty("--zth-over", indent - 16);
      hold(each);
    }
    pre.replaceChildren(...lines);
  };

  // A line may break behind the spaces that it begins with, and leave nothing but them before a long word.
  // In an element of their own the style forbids it.
  const hold = (line) => {
    const first = document.createTreeWalker(line, NodeFilter.SHOW_TEXT).nextNode();
    const spaces = first.data.search(/[^ ]|$/);
    if (!spaces || !line.textContent.trim()) return;
    first.splitText(spaces);
    const lead = document.createElement("span");
    lead.className = "zth-lead";
    first.replaceWith(lead);
    lead.append(first);
  };

  const start = () => {
    const wrap = () => {
      if (!narrow.matches) return;
      for (const pre of document.querySelectorAll("article .highlight > pre:not(.cell_output *)")) {
        if (!pre.querySelector(":scope > .zth-line")) hang(pre);
      }
    };
    wrap();
    narrow.addEventListener("change", wrap); // a phone is turned, a window drawn smaller

    const contents = document.querySelector(".bd-header-article .secondary-toggle");
    if (contents) {
      contents.removeAttribute("title");
      contents.setAttribute("aria-label", "On this page");
      contents.insertAdjacentHTML("beforeend", '<span class="zth-word">On this page</span>');
    }
    // the drawer makes way for the section that was asked for
    const drawer = document.getElementById("pst-secondary-sidebar-modal");
    drawer?.addEventListener("click", (event) => {
      if (event.target.closest("a")) setTimeout(() => drawer.close());
    });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();

  // a formula wider than its column is a stop of the Tab key, so that arrow keys scroll it
  const reach = (formula) => {
    if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    else formula.removeAttribute("tabindex");
  };
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    const laid = new Set(); // to ask one that is far below the screen would load its fonts
    const sizes = new ResizeObserver((seen) => {
      for (const { target } of seen) { laid.add(target); reach(target); }
    });
    document.querySelectorAll('mjx-container[display="true"]').forEach((f) => sizes.observe(f));
    // a font changes the width of what scrolls, not that of the box
    document.fonts.addEventListener("loadingdone", () => laid.forEach(reach));
  });
})();
