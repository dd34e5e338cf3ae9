"use strict";
// Draws each chart of the page from its JSON, in the colours of the page, and again when these or the width change.
const dark = matchMedia("(prefers-color-scheme: dark)");
const NARROW = 520; // pixels: labels at the ends of lines do not fit, so a legend below replaces them

function ink() {
  const style = getComputedStyle(document.documentElement);
  return { text: style.getPropertyValue("--ink").trim(), line: style.getPropertyValue("--line").trim() };
}

function draw(place) {
  const figure = JSON.parse(place.querySelector("script").textContent);
  const target = place.querySelector(".plot"), layout = figure.layout, { text, line } = ink();
  const narrow = target.clientWidth < NARROW;
  layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
  layout.font = { family: "system-ui, sans-serif", size: 12, color: text };
  layout.autosize = true;
  for (const axis of ["xaxis", "yaxis"]) {
    if (layout[axis]) Object.assign(layout[axis], { gridcolor: line, zerolinecolor: line, linecolor: line });
  }
  const labels = layout.annotations && layout.showlegend === false && figure.data[0].type === "scatter";
  if (labels && narrow) {
    layout.annotations = [];
    layout.showlegend = true;
  } else if (labels) {
    layout.margin.r = 12 + 7 * Math.max(...layout.annotations.map((one) => one.text.length));
  }
  if (layout.showlegend) layout.legend = {};
  if (layout.showlegend && narrow) {
    // Below the axis, with a line for each name: the chart grows by them, so the legend covers neither the data nor the caption.
    const lines = 20 * figure.data.length;
    layout.height += lines;
    layout.margin.b += lines + 12;
    layout.legend = { orientation: "h", yref: "container", y: 0, yanchor: "bottom" };
  }
  if (narrow && figure.data[0].type === "sankey") figure.data[0].textfont = { size: 9 };
  Plotly.react(target, figure.data, layout, { displayModeBar: false, responsive: true });
}

const charts = [...document.querySelectorAll(".chart")];
// A chart is drawn when it comes near the screen: a report may have fifty.
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); draw(entry.target); entry.target.dataset.drawn = "yes"; }
}, { rootMargin: "800px" });
charts.forEach((place) => near.observe(place));
const again = () => charts.filter((place) => place.dataset.drawn).forEach(draw);
dark.addEventListener("change", again);
let width = innerWidth;
addEventListener("resize", () => { if ((width < NARROW) !== (innerWidth < NARROW)) again(); width = innerWidth; });
addEventListener("beforeprint", () => charts.forEach((place) => { if (!place.dataset.drawn) draw(place); }));
