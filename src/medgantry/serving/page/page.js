// The page's only script: it asks the model over the same protocol as every other client.
"use strict";
const form = document.getElementById("form");
const status_ = document.getElementById("status");
const answer = document.getElementById("answer");
const model = form.dataset.model;
let inputs = [], outputs = [];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made[key] = value;
  made.append(...children);
  return made;
}

async function prepare() {
  const metadata = await (await fetch(`/v2/models/${model}`)).json();
  inputs = metadata.inputs;
  outputs = metadata.outputs.map((output) => output.name);
  for (const input of inputs) {
    const file = input.datatype === "BYTES" && input.shape.length === 1 && input.shape[0] === 1;
    const field = element("input", { id: `input-${input.name}`, name: input.name, required: file });
    field.type = file ? "file" : "text";
    field.placeholder = file ? "" : "missing";
    document.getElementById("inputs").append(
      element("p", {}, element("label", { htmlFor: field.id }, `${input.name} `), field));
  }
}

async function base64(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let start = 0; start < bytes.length; start += 32768)
    text += String.fromCharCode(...bytes.subarray(start, start + 32768));
  return btoa(text);
}

async function tensor(input) {
  const field = document.getElementById(`input-${input.name}`);
  if (field.type === "file")
    return { name: input.name, shape: [1], datatype: "BYTES", data: [await base64(field.files[0])] };
  const value = field.value.trim();
  if (value === "") return null;
  return { name: input.name, shape: [1], datatype: input.datatype, data: [input.datatype === "BYTES" ? value : Number(value)] };
}

function rows(pairs) {
  return element("table", {}, ...pairs.map(([name, value]) =>
    element("tr", {}, element("td", {}, name), element("td", { className: "n" }, value))));
}

function slices(pictures) {
  const image = element("img", { id: "overlay", alt: "A slice with the regions laid on it" });
  image.style.cssText = "width:24rem;max-width:100%;image-rendering:pixelated";
  const slider = element("input", { type: "range", min: 0, max: pictures.length - 1, value: pictures.length >> 1 });
  slider.setAttribute("aria-label", "slice");
  const show = () => { image.src = `data:image/png;base64,${pictures[slider.value]}`; };
  slider.addEventListener("input", show);
  show();
  return element("div", {}, slider, element("div", {}, image));
}

async function ask(event) {
  event.preventDefault();
  answer.replaceChildren();
  status_.textContent = "Asking …";
  const request = { inputs: (await Promise.all(inputs.map(tensor))).filter((one) => one) };
  const shown = ["overlay_png", "regions", "volume_ml"].filter((name) => outputs.includes(name));
  if (shown.length) request.outputs = shown.map((name) => ({ name }));
  const response = await fetch(`/v2/models/${model}/infer`,
    { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request) });
  const found = await response.json();
  if (!response.ok) { status_.textContent = found.error; return; }
  const values = Object.fromEntries(found.outputs.map((output) => [output.name, output.data]));
  status_.textContent = "";
  if (values.overlay_png) answer.append(slices(values.overlay_png));
  if (values.volume_ml) answer.append(rows(values.regions.map((name, i) => [name, `${values.volume_ml[i].toFixed(1)} ml`])));
  if (values.classes) answer.append(rows(values.classes.map((name, i) => [name, `${(100 * values.probabilities[i]).toFixed(1)} %`])));
  if (values.risk) answer.append(rows([["log hazard", values.risk[0].toFixed(3)]]));
  for (const name of outputs.filter((one) => one.endsWith("_nifti") && values[one])) {
    const link = element("a", { href: `data:application/gzip;base64,${values[name][0]}`, download: `${name.replace("_nifti", "")}.nii.gz` }, name);
    answer.append(element("p", {}, link));
  }
}

form.addEventListener("submit", (event) => ask(event).catch((error) => { status_.textContent = String(error); }));
prepare().catch((error) => { status_.textContent = String(error); });
