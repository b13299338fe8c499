"use strict";
(() => {
  const REFRESH_MS = 2000, HIDDEN_REFRESH_MS = 10000, RETRY_MS = 1000, SOON_MS = 300, TIMEOUT_MS = 4000, TYPING_MS = 200;
  // How many refreshes fail before what is shown is called old: the collector may be restarted.
  const FAILURES = 2;
  // A browser does not ask again for event lines that it was refused: the page does, each time after twice the time.
  const REOPEN_MS = 2000, REOPEN_MOST_MS = 60000;
  const element = id => document.getElementById(id);
  const root = document.querySelector("h1 a").href, source = location.href.slice(root.length).match(/^source\/([^?#]+)/);
  let timer = 0, due = Infinity, answered = -SOON_MS, asking = false, failures = 0;
  let typing = 0, searched = false, events = null, reopening = 0, reopenMs = REOPEN_MS;

  // Makes the children of one element those of another, moving and changing what is there already, so that
  // focus, selection and scrolling stay.
  function take(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== 1 || old.nodeName !== fresh.nodeName) return old.replaceWith(document.importNode(fresh, true));
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const known = new Map([...old.children].filter(child => child.id).map(child => [child.id, child]));
    let place = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const own = child.id ? known.get(child.id) : place && !place.id && place.nodeName === child.nodeName ? place : null;
      if (!own) { old.insertBefore(document.importNode(child, true), place); continue; }
      known.delete(child.id);
      if (own === place) place = place.nextSibling; else old.insertBefore(own, place);
      take(own, child);
    }
    while (place) { const next = place.nextSibling; place.remove(); place = next; }
  }

  function show(html) {
    // Without the style, whose nonce is not that of this page.
    const fresh = new DOMParser().parseFromString(html.replace(/<style[^]*?<\/style>/, ""), "text/html");
    if (!fresh.getElementById("time")) throw new Error("that is not the page");
    const focused = document.activeElement, icon = fresh.querySelector("link[rel=icon]").href;
    if (document.title !== fresh.title) document.title = fresh.title;
    showIcon(icon);
    for (const id of ["banner", "time"]) take(element(id), fresh.getElementById(id));
    const form = document.querySelector("main form"), other = fresh.querySelector("main form");
    // What somebody is typing stays.
    if (form && other) other.replaceWith(document.importNode(form, true));
    take(element("main"), fresh.getElementById("main"));
    if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    if (searched && element("extent")) element("news").textContent = element("extent").textContent;
    searched = false;
  }

  function showIcon(href) {
    const icon = document.querySelector("link[rel=icon]");
    if (icon.href !== href) icon.href = href;
  }

  // Has the page refresh itself in so many milliseconds, or sooner where that was meant anyway: what happens brings the
  // next refresh forward and never puts it off. Between two there is some time at least.
  function refreshIn(ms) {
    const now = performance.now();
    due = Math.max(Math.min(due, now + ms), answered + SOON_MS);
    if (asking) return;
    clearTimeout(timer);
    timer = setTimeout(refresh, due - now);
  }

  async function refresh() {
    const address = location.href;
    asking = true;
    due = Infinity;
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) }), html = await answer.text();
      // Else something else has been searched for meanwhile.
      if (address === location.href) show(html);
      succeed();
    } catch { fail(); }
    asking = false;
    answered = performance.now();
    refreshIn(failures ? RETRY_MS : document.hidden ? HIDDEN_REFRESH_MS : REFRESH_MS);
  }

  function succeed() {
    element("live").textContent = "live";
    if (!failures) return;
    failures = 0;
    document.body.classList.remove("old");
    follow();
  }

  function fail() {
    failures += 1;
    element("live").textContent = "no answer since";
    if (failures !== FAILURES) return;
    const line = document.createElement("p"), clock = element("time").textContent.split(" ")[1];
    line.textContent = `The collector has not answered since ${clock}; what follows is old.`;
    element("banner").replaceChildren(line);
    document.body.classList.add("old");
    document.title = "(no answer) " + document.title.replace(/^\([^)]*\) /, "");
    showIcon(document.querySelector("link[rel=icon]").href.replace(/%23[0-9a-f]+/, "%23888"));
  }

  // A change shows at once; what follows from it, like the order of the rows, with the next refresh.
  function happened({ event, source, state, was, cause }) {
    if (/^(mass_|blind)/.test(event)) return refreshIn(0);
    if (!source || /^(state|report)$/.test(event)) return;
    if (state !== was) mark(source, state, cause);
    refreshIn(SOON_MS);
  }

  function mark(source, state, cause) {
    const row = element("s-" + source), word = row && row.querySelector(".state b"), place = row && row.querySelector(".cause");
    if (word) {
      row.classList.replace(word.textContent, state);
      word.textContent = state;
    }
    if (place) place.textContent = cause;
    if (row || state === "down") element("news").textContent = `${source} is ${state}`;
  }

  // Follows the event lines while somebody looks: a browser opens few connections to one server.
  function follow() {
    clearTimeout(reopening);
    if (document.hidden) { if (events) events.close(); events = null; return; }
    if (events && events.readyState !== EventSource.CLOSED) return;
    events = new EventSource(root + "events" + (source ? "?source=" + source[1] : ""));
    events.onmessage = message => happened(JSON.parse(message.data));
    events.onopen = () => reopenMs = REOPEN_MS;
    events.onerror = interrupted;
  }

  function interrupted({ target }) {
    refreshIn(0);
    if (target.readyState !== EventSource.CLOSED) return;
    reopening = setTimeout(follow, reopenMs);
    reopenMs = Math.min(2 * reopenMs, REOPEN_MOST_MS);
  }

  function search(form) {
    clearTimeout(typing);
    const query = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...query]) if (!value || (name === "sort" && value === "worst")) query.delete(name);
    history.replaceState(null, "", String(query) ? "?" + query : root);
    searched = true;
    refreshIn(0);
  }

  document.addEventListener("visibilitychange", () => { follow(); if (!document.hidden) refreshIn(0); });
  document.addEventListener("keydown", pressed => {
    const field = document.querySelector("input[type=search]");
    if (pressed.key === "/" && field && !/^(INPUT|SELECT)$/.test(document.activeElement.nodeName)) {
      pressed.preventDefault();
      field.select();
    }
  });
  document.addEventListener("input", ({ target }) => {
    if (target.type !== "search") return;
    clearTimeout(typing);
    typing = setTimeout(search, TYPING_MS, target.form);
  });
  document.addEventListener("change", ({ target }) => {
    if (target.nodeName !== "SELECT") return;
    // Each column begins in its own order.
    if (target.form.elements.order) target.form.elements.order.remove();
    search(target.form);
  });
  document.addEventListener("submit", submitted => { submitted.preventDefault(); search(submitted.target); });
  document.body.classList.add("scripted");
  follow();
  refreshIn(0);
})();
