// Fills the charts, filters them, and follows a run. vegaEmbed and vega come with the bundle (vl-convert).
const page = JSON.parse(document.getElementById("page-data").textContent);
const find = (selector) => [...document.querySelectorAll(selector)];
const rowsOf = ({ names, columns }) =>
  columns[0].map((_, i) => Object.fromEntries(names.map((name, j) => [name, columns[j][i]])));

const only = (names, run) => Object.fromEntries(names.map((name) => [name, run[name]]));
const runs = rowsOf(page.runs);
const byId = new Map(runs.map((run) => [run.short, run]));
const tables = Object.fromEntries(Object.entries(page.tables).map(([name, table]) => [name, rowsOf(table)]));
let shown = runs;
let links = [];
let chosen = byId.get(page.first);

const quantity = document.getElementById("quantity");
const setting = document.getElementById("setting");
const boxes = find("#filters input");

function filterRuns() {
  const off = boxes.filter((box) => !box.checked);
  const out = (run) => off.some((box) => run[box.name] === box.value);
  const kept = runs.filter((run) => (!setting?.value || run.setting === setting.value) && !out(run));
  shown = kept.map((run) => ({ ...run, value: run[quantity.value] })); // new ones: Vega marks those that it draws
  links = linksOf(shown.filter((run) => run.value !== null));
}

// Runs that differ in quantization alone, in order, and a gap before the next ones: one line draws many pairs.
function linksOf(known) {
  const ends = known.flatMap((run, i) => (known[i + 1]?.pair === run.pair ? [[run, run.value]] : [[run, run.value], [run, null]]));
  return ends.map(([run, value], at) => ({ ...only(page.linked, run), value, at, strand: run.pair % page.strands }));
}

function curvesOf(run) {
  const partners = runs.filter((other) => other.pair === run.pair && page.curves.of[other.short]);
  return partners.flatMap(({ short, run_id, quantization }) => {
    const [epochs, ...values] = page.curves.of[short];
    const line = (split, [loss, acc]) =>
      page.curves.epochs[epochs].map((epoch, i) => (
        { epoch, run_id, short, quantization, split, chosen: run === byId.get(short), loss: loss[i], acc: acc[i] }));
    return [...line("train", [values[0], values[2]]), ...line("test", [values[1], values[3]])];
  });
}

const mean = (values) => {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value) / known.length : null;
};

function corruptionsOf(rows) {
  const { cells, quantities, of } = page.corruptions;
  return page.labels.flatMap((quantization) => {
    const found = rows.filter((run) => run.quantization === quantization && of[run.short]).map((run) => of[run.short]);
    const means = (i) => quantities.map((name, q) => [name, mean(found.map((values) => values[q][i]))]);
    return cells.map(([corruption, severity], i) => (
      { quantization, corruption, severity, runs: found.length, ...Object.fromEntries(means(i)) }));
  });
}

const sources = {
  corruptions: () => corruptionsOf(shown),
  links: () => links,
  runs: () => shown,
  curves: () => (chosen ? curvesOf(chosen) : []),
  ...Object.fromEntries(Object.entries(tables).map(([name, rows]) => [name, () => {
    const kept = new Set(shown.map((run) => run.short));
    return rows.filter((row) => kept.has(row.short)).map((row) => ({ ...only(page.linked, byId.get(row.short)), ...row }));
  }])),
};

const views = [];
async function draw(element, spec) {
  const named = spec.data.filter((data) => sources[data.name]);
  for (const data of named) data.values = sources[data.name]();
  const options = { actions: false, renderer: "svg", tooltip: { theme: "custom" }, logLevel: 1 }; // errors: a filter may empty a chart
  const { view } = await vegaEmbed(element, spec, options);
  view.addEventListener("click", (_, item) => item?.datum?.short && byId.has(item.datum.short) && follow(item.datum.short));
  views.push({ view, names: named.map((data) => data.name) });
}

function redraw(changed) {
  for (const { view, names } of views)
    if (names.some(changed)) {
      for (const name of names) view.data(name, sources[name]());
      view.runAsync();
    }
}

const text = (value) => (typeof value === "number" ? String(+value.toPrecision(5)) : String(value ?? ""));
const cell = (tag, content) => Object.assign(document.createElement(tag), { textContent: text(content) });
function link(short) {
  const cell = document.createElement("td");
  cell.append(Object.assign(document.createElement("a"), { textContent: short, href: `#run=${short}` }));
  return cell;
}

let sortedBy = null;
function listRuns() {
  const rows = sortedBy ? [...shown].sort((a, b) => (a[sortedBy] ?? Infinity) < (b[sortedBy] ?? Infinity) ? -1 : 1) : shown;
  const lines = rows.slice(0, page.listed).map((run) => {
    const line = document.createElement("tr");
    line.append(link(run.short), ...page.list.slice(1).map((name) => cell("td", run[name])));
    return line;
  });
  document.querySelector("#runs tbody").replaceChildren(...lines);
  document.getElementById("listed").textContent = `${lines.length} of ${shown.length} runs listed`;
}

function describe(run) {
  const values = Object.entries({ ...run, ...page.same }).filter(([name, value]) => !page.hidden.includes(name) && value !== null && value !== "");
  const lines = values.map(([name, value]) => {
    const line = document.createElement("div");
    line.append(cell("dt", name), cell("dd", value));
    return line;
  });
  document.getElementById("run-values").replaceChildren(...lines);
  document.getElementById("run-name").textContent = `${run.short}: ${run.quantization}, ${page.axes.map((axis) => `${axis}=${text(run[axis])}`).join(", ")}`;
  document.getElementById("no-curves").hidden = run.short in page.curves.of;
}

function choose(short) {
  chosen = byId.get(short);
  describe(chosen);
  redraw((name) => name === "curves");
}

function follow(short) {
  choose(short);
  const bar = document.getElementById("followed");
  bar.hidden = false;
  bar.querySelector("a").textContent = document.getElementById("run-name").textContent;
}

function count() {
  document.getElementById("count").textContent = `${shown.length} of ${runs.length} runs`;
  listRuns();
}

function filter() {
  filterRuns();
  redraw((name) => name !== "curves");
  count();
}

function followHash() {
  const [, short] = location.hash.match(/^#run=([0-9a-f]+)/) ?? [];
  if (!byId.has(short)) return;
  choose(short);
  document.getElementById("one-run").scrollIntoView();
}

async function start() {
  filterRuns();
  count();
  describe(chosen);
  for (const [i, spec] of page.charts.entries()) {
    await draw(document.getElementById(`chart-${i}`), spec);
    if (i === 0) performance.mark("opened");
    await new Promise((resume) => setTimeout(resume)); // lets the browser show what there is
  }
  document.getElementById("filters").addEventListener("change", filter);
  window.addEventListener("hashchange", followHash);
  for (const head of find("#runs th"))
    head.addEventListener("click", () => { sortedBy = head.dataset.name; listRuns(); });
  followHash();
  performance.mark("drawn");
  document.body.dataset.drawn = views.length;
}

start();
