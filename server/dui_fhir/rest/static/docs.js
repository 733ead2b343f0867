"use strict";
(() => {
  // the page is at <prefix>docs; openapi.json and the FHIR base are beside it
  const prefix = location.pathname.replace(/docs\/?$/, "");
  const fhir = `${prefix}fhir`;
  const HOME = "Serveur";
  const byId = (id) => document.getElementById(id);
  const known = new Map();
  let tags = [];
  let asked = 0;

  // Everything shown goes in as text: a resource can hold any markup.
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
      else if (value !== false && value !== undefined) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };
  const folded = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const plural = (n, one, many) => `${n} ${n > 1 ? many : one}`;

  const describe = async (type) => {
    const wanted = type === HOME ? "" : type;
    if (!known.has(wanted)) {
      const answer = await fetch(`${prefix}openapi.json?type=${encodeURIComponent(wanted)}`);
      if (!answer.ok) throw new Error(`openapi.json : ${answer.status}`);
      known.set(wanted, await answer.json());
    }
    return known.get(wanted);
  };
  const resolved = (api, item) => item.$ref ? item.$ref.split("/").slice(1).reduce((found, key) => found[key], api) : item;

  // the list of types

  const entry = (tag) => make("li", {}, make("a", { href: `#${tag.name}`, "data-type": tag.name },
    tag["x-display-name"], make("small", {}, tag.name === HOME ? tag.description : tag.name)));
  const group = (id, title, found) => found.length === 0 ? null :
    make("section", { "aria-labelledby": id }, make("h2", { id }, title), make("ul", {}, ...found.map(entry)));
  const matching = () => {
    const words = folded(byId("filter").value).split(/\s+/).filter(Boolean);
    const score = (tag) => {
      const name = folded(tag.name), label = folded(tag["x-display-name"]);
      const all = `${name} ${label} ${folded(tag.description)}`;
      if (!words.every((word) => all.includes(word))) return 0;
      return 1 + (words.some((word) => label.startsWith(word) || name.startsWith(word)) ? 1 : 0);
    };
    return tags.map((tag) => [score(tag), tag]).filter(([n]) => n > 0)
      .sort((a, b) => b[0] - a[0] || a[1]["x-display-name"].localeCompare(b[1]["x-display-name"], "fr")).map(([, tag]) => tag);
  };
  const list = () => {
    const found = matching(), types = found.filter((tag) => tag.name !== HOME);
    const parts = [
      found.some((tag) => tag.name === HOME) ? make("ul", {}, entry(found.find((tag) => tag.name === HOME))) : null,
      group("usual", "Usuels dans un DUI", types.filter((tag) => tag["x-usual"])),
      group("others", "Autres types R4", types.filter((tag) => !tag["x-usual"])),
    ];
    byId("types").replaceChildren(...parts.filter(Boolean));
    byId("found").textContent = byId("filter").value ? plural(types.length, "type trouvé", "types trouvés") : "";
    mark();
  };
  const current = () => decodeURIComponent(location.hash.slice(1).split("/")[0]) || HOME;
  const mark = () => {
    for (const link of byId("types").querySelectorAll("a")) {
      if (link.dataset.type === current()) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
    }
  };

  // one type

  const operations = (api, type) => Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([, operation]) => operation.tags.includes(type))
      .map(([method, operation]) => ({ path, method, operation })));
  const verb = (method) => make("span", { class: `method ${method}` }, method.toUpperCase());
  const table = (caption, heads, rows) => make("div", { class: "wide" }, make("table", {}, make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, ...rows)));

  const interactions = (found) => [
    make("h2", { id: "interactions" }, "Interactions"),
    table(plural(found.length, "interaction servie", "interactions servies"), ["Méthode", "Adresse", "Effet"],
      found.map(({ path, method, operation }) => make("tr", {}, make("td", {}, verb(method)), make("td", {}, make("code", {}, path)),
        make("td", {}, make("strong", {}, operation.summary), make("br"), operation.description)))),
  ];

  const searchOf = (found) => found.find(({ method, operation }) => method === "get" &&
    ["search-type", "search-system"].includes(operation["x-fhir-interaction"]));
  const parameters = (api, found, start) => {
    const search = searchOf(found);
    if (!search) return [];
    const all = search.operation.parameters.map((item) => resolved(api, item)).filter((item) => item.in === "query");
    const own = all.filter((item) => item["x-fhir-type"]), shared = all.filter((item) => !item["x-fhir-type"]);
    const row = (item) => make("tr", {}, make("th", { scope: "row" }, make("code", {}, item.name)),
      make("td", { class: "kind" }, item["x-fhir-type"] || (item.schema.enum || [item.schema.type]).join(", ")),
      make("td", {}, item.description),
      make("td", {}, make("button", { type: "button", "aria-label": `Essayer ${item.name}`, on: { click: () => start(item) } }, "Essayer")));
    const heads = ["Nom", "Type", "Description", ""];
    return [
      make("h2", { id: "parametres" }, "Paramètres de recherche"),
      table(plural(own.length, "paramètre", "paramètres"), heads, own.map(row)),
      make("details", {}, make("summary", {}, `Présentation des résultats : ${plural(shared.length, "paramètre commun", "paramètres communs")}`),
        table("Communs à toutes les recherches", heads, shared.map(row))),
    ];
  };

  const inputs = (found) => {
    const offered = new Map();
    for (const { operation, path } of found) {
      if (operation["x-fhir-operation"]) offered.set(`${operation["x-fhir-operation"]} ${path}`, { operation, path });
    }
    if (offered.size === 0) return [];
    return [make("h2", { id: "operations" }, "Opérations"), ...[...offered.values()].flatMap(({ operation, path }) => [
      make("h3", {}, make("code", {}, path)), make("p", {}, operation.description),
      table("Paramètres de l'opération", ["Nom", "Sens", "Nombre", "Type", "Description"], operation["x-fhir-parameters"].map((item) =>
        make("tr", {}, make("th", { scope: "row" }, make("code", {}, item.name)), make("td", {}, item.use === "in" ? "entrée" : "sortie"),
          make("td", {}, `${item.min ?? 0}..${item.max ?? "1"}`), make("td", { class: "kind" }, item.type || "parties"),
          make("td", {}, item.documentation || "")))),
    ])];
  };

  const elements = (api, type) => {
    const schema = api.components.schemas[type];
    if (type === HOME || !schema) return [];
    const required = new Set(schema.required || []);
    const rows = Object.entries(schema.properties).filter(([key]) => key !== "resourceType").map(([key, value]) => {
      const one = value.type === "array" ? value.items : value;
      const kind = one.$ref ? one.$ref.split("/").pop() : one.type;
      return make("tr", {}, make("th", { scope: "row" }, make("code", {}, key)), make("td", { class: "kind" }, kind),
        make("td", {}, value.type === "array" ? "répétable" : ""), make("td", {}, required.has(key) ? "obligatoire" : ""));
    });
    return [make("h2", { id: "elements" }, "Éléments"), make("details", {}, make("summary", {}, plural(rows.length, "élément", "éléments")),
      table("Premier niveau de la ressource", ["Nom", "Type", "", ""], rows))];
  };

  // trying a GET

  const field = (label, control, extra = {}) => make("div", extra, make("label", { for: control.id }, label), control);
  const quoted = (text) => `'${text.replace(/'/g, `'\\''`)}'`;

  const tryOut = (api, type, found) => {
    const gets = found.filter(({ method }) => method === "get");
    if (gets.length === 0) return { parts: [], start: () => {} };
    const choice = make("select", { id: "what", name: "what" }, ...gets.map(({ path, operation }, i) => make("option", { value: i }, `${operation.summary} — ${path}`)));
    const first = Math.max(gets.findIndex((get) => get === searchOf(found)), 0);
    choice.value = String(first);
    const places = make("div", { class: "row" }), query = make("div", {});
    const accept = make("select", { id: "accept", name: "accept" }, make("option", { value: "application/fhir+json" }, "JSON"),
      make("option", { value: "application/fhir+xml" }, "XML"));
    const pretty = make("input", { type: "checkbox", id: "pretty", checked: true });
    const headers = make("textarea", { id: "headers", rows: "2", spellcheck: "false", placeholder: "Prefer: handling=lenient" });
    const command = make("code", { id: "curl" });
    const result = make("div", { id: "result", role: "status", "aria-live": "polite" });
    let number = 0;

    const names = () => gets[choice.value].operation.parameters.map((item) => resolved(api, item));
    const suggestions = make("datalist", { id: "names" });
    const addRow = (name = "", value = "") => {
      number += 1;
      const nameField = make("input", { id: `name-${number}`, name: "name", list: "names", value: name, autocomplete: "off", on: { input: show } });
      const valueField = make("input", { id: `value-${number}`, name: "value", value, autocomplete: "off", on: { input: show } });
      const row = make("div", { class: "row" }, field("Paramètre", nameField), field("Valeur", valueField),
        make("button", { type: "button", on: { click: () => { row.remove(); show(); byId("add").focus(); } } }, "Retirer"));
      query.append(row);
      return valueField;
    };
    const given = () => {
      const pairs = [...query.children].map((row) => [row.querySelector("[name=name]").value.trim(), row.querySelector("[name=value]").value]);
      return [...pairs.filter(([name]) => name), ...(pretty.checked ? [["_pretty", "true"]] : [])];
    };
    const address = () => {
      let path = gets[choice.value].path;
      for (const place of places.querySelectorAll("input")) path = path.replace(`{${place.name}}`, encodeURIComponent(place.value || place.placeholder));
      const text = new URLSearchParams(given()).toString();
      return `${fhir}${path === "/" ? "" : path}${text ? `?${text}` : ""}`;
    };
    const sent = () => {
      const lines = headers.value.split("\n").map((line) => line.split(/:(.*)/s)).filter(([name, value]) => name.trim() && value !== undefined);
      return [["Accept", accept.value], ...lines.map(([name, value]) => [name.trim(), value.trim()])];
    };
    function show() {
      const lines = sent().map(([name, value]) => ` -H ${quoted(`${name}: ${value}`)}`).join("");
      command.textContent = `curl${lines} ${quoted(new URL(address(), location.href).href)}`;
    }
    const arrange = () => {
      const inPath = names().filter((item) => item.in === "path");
      places.replaceChildren(...inPath.map((item) => field(`${item.name} : ${item.description}`,
        make("input", { id: `path-${item.name}`, name: item.name, required: true, autocomplete: "off", on: { input: show } }))));
      suggestions.replaceChildren(...names().filter((item) => item.in === "query").map((item) => make("option", { value: item.name })));
      query.replaceChildren();
      show();
    };
    const call = async (url) => {
      result.replaceChildren(make("p", {}, "En cours…"));
      const started = performance.now();
      try {
        const answer = await fetch(url, { headers: sent(), cache: "no-store" });
        const text = await answer.text();
        result.replaceChildren(...shown(answer, text, Math.round(performance.now() - started), call));
      } catch (error) {
        result.replaceChildren(make("p", { class: "error" }, `La requête n'est pas partie : ${error.message}`));
      }
    };
    const form = make("form", { class: "try", id: "try", on: { submit: (event) => { event.preventDefault(); call(address()); } } },
      make("div", { class: "row" }, field("Interaction", choice), field("Format", accept),
        make("div", { class: "check" }, pretty, make("label", { for: "pretty" }, " Réponse indentée"))),
      places, suggestions, query,
      make("div", { class: "row" },
        make("button", { type: "button", id: "add", on: { click: () => addRow().closest(".row").querySelector("input").focus() } }, "Ajouter un paramètre"),
        make("button", { type: "submit", class: "main", id: "send" }, "Envoyer")),
      make("details", {}, make("summary", {}, "En-têtes de la requête"), field("Un par ligne, « Nom: valeur »", headers)),
      make("p", { class: "hint" }, "La même chose en ligne de commande :"), make("pre", { tabindex: "0" }, command), result);
    choice.addEventListener("change", arrange);
    for (const control of [accept, pretty, headers]) control.addEventListener("input", show);
    arrange();
    const start = (item) => {
      if (Number(choice.value) !== first) { choice.value = String(first); arrange(); }
      const value = addRow(item.name, item["x-sample"] || (item.schema.enum || [""])[0]);
      show();
      form.scrollIntoView({ block: "start" });
      value.focus();
    };
    const parts = [make("h2", { id: "essayer" }, "Essayer une lecture"), form];
    return { parts, start };
  };

  const shown = (answer, text, duration, call) => {
    const size = plural(new TextEncoder().encode(text).length, "octet", "octets");
    const good = answer.ok || answer.status === 304;
    const parts = [make("p", {}, make("span", { class: `status ${good ? "good" : "bad"}`, id: "status" }, `${answer.status} ${answer.statusText}`.trim()), ` · ${duration} ms · ${size}`)];
    const next = following(text);
    if (next) parts.push(make("p", {}, make("button", { type: "button", on: { click: () => call(next) } }, "Page suivante")));
    parts.push(make("details", {}, make("summary", {}, "En-têtes de la réponse"),
      make("pre", { tabindex: "0" }, [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n"))));
    parts.push(make("pre", { id: "body", tabindex: "0", "aria-label": "Corps de la réponse" }, text || "(corps vide)"));
    return parts;
  };
  const following = (text) => {
    try {
      const link = (JSON.parse(text).link || []).find((item) => item.relation === "next");
      if (!link) return null;
      const url = new URL(link.url);
      return `${url.pathname}${url.search}`;
    } catch { return null; }
  };

  const render = (api, type, focus) => {
    const tag = api.tags.find((item) => item.name === type), found = operations(api, type);
    const { parts, start } = tryOut(api, type, found);
    const sections = [...interactions(found), ...parts, ...parameters(api, found, start), ...inputs(found), ...elements(api, type)];
    const title = make("h1", { tabindex: "-1" }, tag["x-display-name"], type === HOME ? null : make("small", {}, type));
    const jump = make("ul", { class: "jump" }, ...sections.filter((item) => item.tagName === "H2").map((head) =>
      make("li", {}, make("a", { href: `#${type}/${head.id}` }, head.textContent))));
    const lead = make("p", { class: "lead" }, tag.description, tag.externalDocs ? " · " : null,
      tag.externalDocs ? make("a", { href: tag.externalDocs.url, rel: "noreferrer" }, tag.externalDocs.description) : null);
    byId("page").replaceChildren(title, lead, make("nav", { "aria-label": "Sur cette page" }, jump), ...sections);
    document.title = `${tag["x-display-name"]} : dui-fhir`;
    byId("page").dataset.type = type;
    if (focus) { title.focus(); window.scrollTo(0, 0); }
  };

  const open = async (focus) => {
    const type = current(), section = location.hash.split("/")[1];
    mark();
    if (byId("page").dataset.type !== type) {
      asked += 1;
      const mine = asked;
      byId("loading").hidden = false;
      try {
        const api = await describe(type);
        if (mine !== asked) return;
        render(api, type, focus);
      } catch (error) {
        if (mine !== asked) return;
        delete byId("page").dataset.type;
        byId("page").replaceChildren(make("p", { class: "error" }, `Rien à montrer pour « ${type} » : ${error.message}`));
      }
      byId("loading").hidden = true;
    }
    const target = section && byId(section);
    if (target) { target.setAttribute("tabindex", "-1"); target.scrollIntoView(); target.focus(); }
  };

  const begin = async () => {
    byId("openapi").href = `${prefix}openapi.json`;
    byId("metadata").href = `${fhir}/metadata?_pretty=true`;
    byId("filter").addEventListener("input", list);
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      const found = matching()[0];
      if (found) location.hash = found.name;
    });
    window.addEventListener("hashchange", () => open(true));
    document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); byId("contenu").focus(); });
    try {
      const api = await describe(HOME);
      tags = api.tags;
      byId("base").textContent = api.servers[0].url;
      list();
      await open(false);
    } catch (error) {
      byId("loading").hidden = true;
      byId("page").replaceChildren(make("p", { class: "error" }, `La description du serveur n'est pas lisible : ${error.message}`));
    }
  };
  begin();
})();
