// Office pages: forms that are sent once, selects that reload, sections that stay current.
// Everything here is an addition: the pages work without it.

const PENDING_MS = 700;
const MOST_ERRORS = 20;

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    form.querySelector("button")?.setAttribute("aria-disabled", "true");
  });
}

// A page that the browser kept may be sent again; its operation id makes that the same request.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("button")?.removeAttribute("aria-disabled");
  }
});

for (const form of document.querySelectorAll("form[data-autosubmit]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

let errors = 0;

// What somebody has begun to type stays.
function isBegun(section) {
  return [...section.querySelectorAll("input, textarea")].some(
    (field) => field.value !== field.defaultValue,
  );
}

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const section of document.querySelectorAll("[data-refresh]")) {
    const newer = page.getElementById(section.id);
    if (!newer || section.contains(document.activeElement) || isBegun(section)) continue;
    section.toggleAttribute("data-pending", newer.hasAttribute("data-pending"));
    if (newer.innerHTML !== section.innerHTML) section.replaceChildren(...newer.childNodes);
  }
}

function schedule() {
  const sections = [...document.querySelectorAll("[data-refresh]")];
  if (!sections.length || errors > MOST_ERRORS) return;
  const seconds = Math.min(...sections.map((section) => Number(section.dataset.refresh)));
  const isPending = document.querySelector("[data-pending]") !== null;
  setTimeout(async () => {
    try {
      await refresh();
      errors = 0;
    } catch {
      errors += 1;
    }
    schedule();
  }, isPending ? PENDING_MS : seconds * 1000);
}

// What a form on the page refused is said above its answer, which a refresh would not repeat.
if (!document.querySelector("[data-refusal]")) schedule();
