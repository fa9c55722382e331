// Keeps the page's own files, so that it opens without the server. The server writes in the version and the names.
const CACHE = "picoqwen-" + "VERSION";
const FILES = ["FILES"];
// Where data are to be saved only what the first load has fetched anyway, and the person's language.
const SHELL = ["SHELL"];
const SAVES_DATA = new URL(self.location).searchParams.get("lite");
const SECONDS_TO_WAIT = 4;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SAVES_DATA ? [...SHELL, `ui/text_${SAVES_DATA}.js`] : FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(removeOthers().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && isOurs(event.request)) event.respondWith(answer(event.request));
});

function isOurs(request) {
  return FILES.some((file) => new URL(file, self.registration.scope).href === request.url.split(/[?#]/)[0]);
}

// The server first, which answers 304 where nothing is new: files of two versions are never mixed.
async function answer(request) {
  let refused = Response.error();
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(SECONDS_TO_WAIT * 1000) });
    if (response.ok || response.type === "opaqueredirect") return response;
    refused = response;
  } catch {
    // Fall through to what was kept.
  }
  // A proxy answers too where the server is gone, or where nobody is logged in any more.
  const kept = await (await caches.open(CACHE)).match(request, { ignoreSearch: true, ignoreVary: true });
  return kept ?? refused;
}

async function removeOthers() {
  const scope = self.registration.scope;
  for (const name of await caches.keys()) {
    // Pages under other paths of the same origin (another app behind ingress) keep what is theirs.
    if (!name.startsWith("picoqwen-") || name === CACHE) continue;
    if (await (await caches.open(name)).match(scope)) await caches.delete(name);
  }
}
