// The parts of an analysis below its verdict, asked for when they come near the window:
//
//   <section data-part="address" data-version="..."> ... <p data-to-come>Computing this part …</p> ... </section>
//
// What is fetched takes the place of the placeholder, and "part:loaded" tells plots.js and folds.js of it. A placeholder
// in a closed fold has no place in the window, so its part is asked for once the fold is opened. Before printing, all
// parts are fetched at once; without this script the page itself asks for the whole (noscript).
(() => {
  const NEAR = "600px"; // about one screen ahead
  const waiting = () => [...document.querySelectorAll("[data-part] [data-to-come]")];
  let wanted = ""; // the place that the address leads to, until somebody goes on from there
  const seek = () => {
    try { wanted = decodeURIComponent(location.hash.slice(1)); } catch { wanted = ""; } // an address may hold anything
    if (wanted && !document.getElementById(wanted)) waiting().forEach(load);
  };
  const isAway = (target) => target.checkVisibility() && !(target.getBoundingClientRect().top < innerHeight && target.getBoundingClientRect().bottom > 0);
  const show = (placeholder, html, version) => {
    if (!placeholder.isConnected) return; // printing was faster
    const target = document.getElementById(wanted);
    if (target && isAway(target)) wanted = "";
    const part = placeholder.closest("[data-part]");
    const template = Object.assign(document.createElement("template"), { innerHTML: html });
    if (version && part.dataset.version && version !== part.dataset.version)
      template.content.prepend(Object.assign(document.createElement("p"), { className: "meta", textContent: "Computed with samples that came after the top of this page: load the page again to see all of it with them." }));
    placeholder.replaceWith(template.content);
    part.dispatchEvent(new CustomEvent("part:loaded", { bubbles: true }));
    document.getElementById(wanted)?.scrollIntoView();
    note();
  };
  const fail = (placeholder) => {
    placeholder.textContent = "This part could not be loaded. ";
    const again = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: "Try again" });
    again.addEventListener("click", () => { delete placeholder.dataset.asked; placeholder.textContent = "Computing this part …"; load(placeholder); });
    placeholder.append(again);
    note();
  };
  const load = async (placeholder) => {
    if ("asked" in placeholder.dataset) return;
    placeholder.dataset.asked = "";
    note();
    try {
      const answer = await fetch(placeholder.closest("[data-part]").dataset.part, { headers: { "HX-Request": "true" } });
      if (answer.status === 401) return location.reload(); // signed out meanwhile: to the sign-in page, and back to this very address
      if (!answer.ok) throw new Error(answer.status);
      show(placeholder, await answer.text(), answer.headers.get("X-Analysis-Version"));
    } catch {
      delete placeholder.dataset.asked;
      fail(placeholder);
    }
  };
  // Printing waits for no promise: what is still to come is asked for at once, and a figure that is not drawn yet is
  // printed as the file that the server draws of it.
  const ask = (address) => {
    const request = new XMLHttpRequest();
    request.open("GET", address, false);
    request.setRequestHeader("HX-Request", "true");
    try { request.send(); } catch { return ""; } // no network
    return request.status === 200 ? request.responseText : "";
  };
  const loadAllNow = () => {
    for (const placeholder of waiting()) {
      if (!placeholder.closest("section")) continue; // a form is not printed
      const html = ask(placeholder.closest("[data-part]").dataset.part);
      if (html) show(placeholder, html, "");
    }
    for (const plot of document.querySelectorAll("[data-part] .plot:empty")) {
      const file = plot.closest("figure").querySelector('.files a[href*=".svg"]');
      if (!file) continue;
      const picture = Object.assign(document.createElement("div"), { className: "print" });
      picture.attachShadow({ mode: "open" }).innerHTML = `<style>svg { max-width: 100%; height: auto }</style>${ask(file.href)}`; // its styles and ids stay inside
      plot.append(picture);
    }
  };
  const forgetPictures = () => document.querySelectorAll(".plot > .print").forEach((picture) => picture.remove());
  // Whether parts are being fetched, and whether any in an open fold is still to come: browser tests wait for it.
  const note = () => {
    const open = waiting().filter((placeholder) => placeholder.checkVisibility());
    document.documentElement.dataset.parts = waiting().some((placeholder) => "asked" in placeholder.dataset) ? "loading" : open.length ? "some" : "all";
  };
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) { near.unobserve(target); load(target); }
  }, { rootMargin: NEAR });
  for (const placeholder of waiting()) near.observe(placeholder);
  note();
  // An address leads to its place also when that is still to come, and when a part that comes above would move it.
  addEventListener("hashchange", seek);
  for (const input of ["wheel", "touchmove", "pointerdown", "keydown"]) addEventListener(input, () => (wanted = ""), { passive: true });
  seek();
  addEventListener("beforeprint", loadAllNow);
  addEventListener("afterprint", forgetPictures);
})();
