"use strict";
// Two comforts; the page can be read without them: values under the pointer, and a filter for the rollouts.

const readout = document.body.appendChild(document.createElement("div"));
readout.className = "readout";
readout.hidden = true;

const rule = document.createElementNS("http://www.w3.org/2000/svg", "path");
rule.setAttribute("class", "rule");

function shortNumber(value) {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return size !== 0 && size < 0.001 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
}

// The point of a line that is nearest to x; both in units of the drawing.
function nearest(line, x) {
  line.points ??= line.getAttribute("d").slice(1).split("L").map((pair) => pair.split(" ").map(Number));
  let low = 0;
  let high = line.points.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (line.points[middle][0] < x) low = middle;
    else high = middle;
  }
  return x - line.points[low][0] < line.points[high][0] - x ? line.points[low] : line.points[high];
}

// The bar of an area that x is in: its right edge and its value.
function bar(area, x) {
  area.values ??= area.dataset.values.split(" ").map(Number);
  area.edges ??= [...area.getAttribute("d").matchAll(/H([\d.]+)/g)].map((match) => Number(match[1]));
  const found = area.edges.slice(0, area.values.length).findIndex((edge) => x < edge);
  const place = found < 0 ? area.values.length - 1 : found;
  return [area.edges[place], area.values[place]];
}

function rowsAt(chart, x) {
  const [, , top, bottom, , , low, high] = chart.dataset.frame.split(" ").map(Number);
  const rows = [];
  let at = x;
  for (const line of chart.querySelectorAll(".line")) {
    const [lineX, y] = nearest(line, x);
    const share = (bottom - y) / (bottom - top);
    const value = low + share * (high - low);
    rows.push([line, chart.dataset.scale === "log" ? 10 ** value : value]);
    at = lineX;
  }
  for (const area of chart.querySelectorAll(".area")) rows.unshift([area, bar(area, x)[1]]);
  return [at, rows];
}

function swatch(shape) {
  const mark = document.createElement("span");
  mark.className = "dot";
  const style = getComputedStyle(shape);
  mark.style.background = shape.classList.contains("area") ? style.fill : style.stroke;
  return mark;
}

function showValues(event) {
  const chart = event.currentTarget;
  const box = chart.getBoundingClientRect();
  const [left, right, top, bottom, first, last] = chart.dataset.frame.split(" ").map(Number);
  const x = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
  if (x < left - 4 || x > right + 4) return hideValues();
  const [at, rows] = rowsAt(chart, Math.min(Math.max(x, left), right));
  const step = first + ((at - left) / (right - left)) * (last - first);
  rule.setAttribute("d", `M${at} ${top}V${bottom}`);
  chart.append(rule);
  readout.replaceChildren(`step ${Math.round(step).toLocaleString("en")}`);
  for (const [shape, value] of rows) {
    const row = readout.appendChild(document.createElement("div"));
    row.append(swatch(shape), shape.dataset.label, " ", Object.assign(document.createElement("b"), { textContent: shortNumber(value) }));
  }
  readout.hidden = false;
  const width = readout.offsetWidth;
  const beside = event.clientX + 14 + width > document.documentElement.clientWidth ? event.clientX - 14 - width : event.clientX + 14;
  readout.style.left = `${Math.max(4, beside) + window.scrollX}px`;
  readout.style.top = `${event.clientY + 14 + window.scrollY}px`;
}

function hideValues() {
  readout.hidden = true;
  rule.remove();
}

for (const chart of document.querySelectorAll("svg.chart")) {
  chart.addEventListener("pointermove", showValues);
  chart.addEventListener("pointerleave", hideValues);
}

const filter = document.querySelector(".filter");
if (filter) {
  const rows = [...document.querySelectorAll("#rollouts tbody tr")];
  const count = document.createElement("span");
  const choices = ["outcome", "step"].map((name) => {
    const label = filter.appendChild(document.createElement("label"));
    const select = document.createElement("select");
    select.name = name;
    label.append(name, " ", select);
    select.append(new Option("all", ""));
    for (const value of new Set(rows.map((row) => row.dataset[name]))) select.append(new Option(value, `=${value}`));
    return select;
  });
  const show = () => {
    for (const row of rows) row.hidden = choices.some(({ name, value }) => value && `=${row.dataset[name]}` !== value);
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rollouts`;
  };
  for (const choice of choices) choice.addEventListener("change", show);
  filter.append(count);
  filter.hidden = false;
  show();
}
