// Search: shows the sections that contain every word, and the links to them.
'use strict';

const box = document.getElementById('search');
const found = document.getElementById('found');
const sections = [...document.querySelectorAll('main section')].map((section) => ({
  section,
  text: section.textContent.toLowerCase(),
  links: [...document.querySelectorAll(`nav a[href="#${section.getAttribute('aria-labelledby')}"]`)],
}));

function search() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { section, text, links } of sections) {
    const hidden = !words.every((word) => text.includes(word));
    section.hidden = hidden;
    for (const link of links) link.parentElement.hidden = hidden;
    if (!hidden) count += 1;
  }
  found.textContent = words.length ? `${count} of ${sections.length} sections` : '';
}

box.parentElement.hidden = false;
box.addEventListener('input', search);
box.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    box.value = '';
    search();
  } else if (event.key === 'Enter') {
    document.querySelector('main section:not([hidden])')?.scrollIntoView();
  }
});
// A followed link shows its section, even if the search hides it.
window.addEventListener('hashchange', () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.closest('section[hidden]')) {
    box.value = '';
    search();
    target.scrollIntoView();
  }
});
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && !/^(input|textarea)$/i.test(document.activeElement?.tagName ?? '')) {
    event.preventDefault();
    box.focus();
  }
});
search();
