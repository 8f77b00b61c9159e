// Keeps the parts of a page that change up to date: an event says that something changed, and the page is asked for again as a whole.
// So the server alone makes markup, and a page without scripts shows the same after a reload.
"use strict";

(() => {
    const part = document.querySelector("[data-live]");
    if (!part || !window.EventSource) return;
    const state = document.querySelector("[data-live-state]");
    const say = text => { if (state) state.textContent = text; };
    let asked = false, busy = false, rest = 1000;

    // A page that is slow to make is asked for less often, and one that nobody sees not at all.
    const refresh = async () => {
        if (busy || document.hidden) { asked = true; return; }
        busy = true;
        asked = false;
        const began = performance.now();
        try {
            const answer = await fetch(location.href, { headers: { "X-Sealift-Request": "1" }, redirect: "error" });
            if (!answer.ok) throw new Error(answer.status);
            const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
            if (fresh) exchange(fresh);
            say("to be sure; this page follows by itself.");
        } catch {
            say("to see what is new: the server did not answer.");
        }
        rest = Math.max(1000, 10 * (performance.now() - began));
        setTimeout(() => { busy = false; if (asked) refresh(); }, rest);
    };

    // Whoever has a control of this part focused, or opened a detail of it, keeps it.
    const exchange = fresh => {
        const focus = document.activeElement && part.contains(document.activeElement) ? document.activeElement.id || document.activeElement.getAttribute("href") : null;
        const open = new Set([...part.querySelectorAll("details[open][id]")].map(d => d.id));
        for (const detail of fresh.querySelectorAll("details[id]")) if (open.has(detail.id)) detail.open = true;
        part.replaceChildren(...fresh.childNodes);
        if (focus) [...part.querySelectorAll("a,button,input,summary")].find(e => e.id === focus || e.getAttribute("href") === focus)?.focus({ preventScroll: true });
    };

    const source = new EventSource(part.dataset.live);
    source.onopen = () => say("to be sure; this page follows by itself.");
    source.onmessage = refresh;
    source.onerror = () => say(source.readyState === EventSource.CLOSED ? "to see what is new: the server sends no more." : "to see what is new: connecting again …");
    document.addEventListener("visibilitychange", () => { if (!document.hidden && asked) refresh(); });
})();
