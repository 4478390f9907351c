// The page is whole without this: it finds, opens what a link leads to, and copies calls.
"use strict";

const operations = [...document.querySelectorAll(".operation")];
const links = [...document.querySelectorAll("nav li")];

function find(words) {
  const wanted = words.trim().toLowerCase();
  for (const operation of operations) {
    const said = operation.querySelector("summary").textContent.toLowerCase();
    operation.hidden = !said.includes(wanted);
    for (const link of links) {
      if (link.firstChild.hash === `#${operation.id}`) link.hidden = operation.hidden;
    }
  }
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

function addCopying(call) {
  const button = document.createElement("button");
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(call.querySelector("pre").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  call.append(button);
}

for (const origin of document.querySelectorAll(".origin")) origin.textContent = location.origin;
if (navigator.clipboard) document.querySelectorAll(".call").forEach(addCopying);
document.getElementById("search").addEventListener("input", (event) => find(event.target.value));
addEventListener("hashchange", openTarget);
openTarget();
