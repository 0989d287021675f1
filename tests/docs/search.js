// Asks the search of a built site, with its own scripts: search.js FOLDER QUERY...
// Prints the pages that were found for each query as a line of JSON, the best first.
"use strict";
const fs = require("fs");
const vm = require("vm");

const [folder, ...queries] = process.argv.slice(2);
const nothing = { firstChild: null };
const document = { readyState: "loading", addEventListener() {}, getElementById: () => nothing };
const localStorage = { setItem() {} };
const page = vm.createContext({ document, localStorage, URLSearchParams });
page.window = page;
const html = fs.readFileSync(`${folder}/search.html`, "utf8");
for (const [, name] of html.matchAll(/<script src="([\w./-]+)/g)) {
  if (!name.includes("furo")) vm.runInContext(fs.readFileSync(`${folder}/${name}`, "utf8"), page);
}
for (const query of queries) {
  page.query = query;
  page.location = { search: `?q=${encodeURIComponent(query)}` };
  const found = vm.runInContext("Search._performSearch(...Search._parseQuery(query))", page);
  console.log(JSON.stringify(found.reverse().map(([name]) => name)));
}
