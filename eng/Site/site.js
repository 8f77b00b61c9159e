// The search. Its index is a script that was loaded before (search-index.js): a page that is opened from a disk may not fetch.
(() => {
  "use strict";
  const root = document.documentElement.dataset.root;
  const form = document.querySelector(".search");
  const box = document.getElementById("search");
  const found = document.getElementById("found");
  const list = document.getElementById("results");
  const places = (window.sealiftIndex || []).map(([page, heading, address, text]) => ({ page, heading, address, text, low: [heading, page, text].map((s) => s.toLowerCase()) }));
  form.hidden = false;

  // Every word has to be somewhere; in a heading it weighs more than in a title, there more than in the text, and at the beginning of a word more than within one.
  const weigh = (place, words) => {
    let sum = 0;
    for (const word of words) {
      let best = 0;
      place.low.forEach((text, i) => {
        const at = text.indexOf(word);
        if (at < 0) return;
        const begins = at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1]);
        best = Math.max(best, [24, 8, 2][i] * (begins ? 2 : 1) + (text === word ? 100 : 0));
      });
      if (best === 0) return 0;
      sum += best;
    }
    return sum;
  };

  const piece = (place, words) => {
    const at = Math.max(0, Math.min(...words.map((w) => place.low[2].indexOf(w)).filter((i) => i >= 0), place.text.length) - 40);
    const from = at === 0 || at >= place.text.length ? 0 : place.text.indexOf(" ", at) + 1;
    return (from > 0 ? "…" : "") + place.text.slice(from, from + 140) + (place.text.length > from + 140 ? "…" : "");
  };

  const show = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = words.length === 0 ? [] : places.map((place) => ({ place, weight: weigh(place, words) })).filter((hit) => hit.weight > 0).sort((a, b) => b.weight - a.weight);
    list.replaceChildren(...hits.slice(0, 30).map(({ place }) => {
      const [item, link, name, said] = ["li", "a", "strong", "span"].map((tag) => document.createElement(tag));
      link.href = root + place.address;
      name.textContent = place.heading === place.page ? place.page : `${place.heading} · ${place.page}`;
      said.textContent = piece(place, words);
      link.append(name, said);
      item.append(link);
      return item;
    }));
    list.hidden = hits.length === 0;
    found.textContent = words.length === 0 ? "" : hits.length === 0 ? "nothing found" : hits.length === 1 ? "1 place" : `${hits.length} places`;
  };

  const close = () => { list.hidden = true; found.textContent = ""; };

  box.addEventListener("input", show);
  box.addEventListener("focus", () => { if (box.value) show(); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = list.querySelector("a");
    if (first && !list.hidden) first.click();
  });
  form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) close(); });
  list.addEventListener("click", close);
  form.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape") { close(); box.focus(); close(); }
    else if (event.key === "ArrowDown" && links.length > 0) links[Math.min(at + 1, links.length - 1)].focus();
    else if (event.key === "ArrowUp" && at >= 0) (at === 0 ? box : links[at - 1]).focus();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    box.focus();
  });
})();
