"use strict";
// Lists the books, shows the pages of one beside its text, and sends decisions. Text is set as text, never as HTML.
const given = JSON.parse(document.getElementById('data').textContent), list = document.getElementById('list'), rows = document.getElementById('rows');
const HEIGHT = 72; // of a row, as in the style
let books = [], at = 0; const made = [];
// A character that acts (control, direction, line separator) is shown as its escape: the page of a book must look as its text is.
const seen = text => String(text).replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
  c => '\\' + (c < '\x80' ? 'x' + c.charCodeAt(0).toString(16).padStart(2, '0') : 'u' + c.charCodeAt(0).toString(16).padStart(4, '0')));
const el = (tag, text, cls) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = seen(text); if (cls) e.className = cls; return e; };
const ask = async path => given ? given.details[path] : (await fetch(path)).json();
function row(b, n) {
  const e = el('div', undefined, n === at ? 'book on' : 'book'); e.style.top = n * HEIGHT + 'px'; e.onclick = () => show(n);
  const s = el('small', `${b.score.toFixed(3)} · ${b.action}${b.rule ? ' (' + b.rule + ')' : ''} · ${b.pages} pages`, b.action === 'keep' ? 'good' : 'bad');
  e.append(el('span', b.id), s, el('small', b.decided || '')); e.title = seen(b.id); return e;
}
// Only rows in sight are in the page: it holds 3,000 books as easily as 30.
function draw() {
  const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 4), last = first + Math.ceil(list.clientHeight / HEIGHT) + 8;
  rows.replaceChildren(...books.slice(first, last).map((b, n) => row(b, first + n)));
}
async function show(n) {
  at = Math.max(0, Math.min(books.length - 1, n)); if (!books.length) return;
  list.scrollTop = Math.min(at * HEIGHT, Math.max(list.scrollTop, (at + 1) * HEIGHT - list.clientHeight)); draw();
  const b = books[at]; document.getElementById('name').textContent = seen(b.id); document.getElementById('verdict').textContent = seen(b.decided || '');
  const d = await ask('book/' + b.key); if (books[at] !== b) return;
  const out = document.getElementById('pages'); out.replaceChildren();
  if (d.what) out.append(el('p', d.what, 'bad'));
  for (const p of d.pages) {
    const w = el('div', undefined, 'page'), left = el('div'), right = el('div');
    left.append(el('b', 'page ' + p.page), el('small', ' ' + p.about, p.bad ? 'bad' : ''));
    if (p.image) { const i = el('img'); i.loading = 'lazy'; i.src = p.image; i.alt = 'page ' + p.page; left.append(i); }
    const t = el('pre'); t.lang = 'ro'; let from = 0;
    for (const [a, z] of p.doubts) { t.append(seen(p.text.slice(from, a))); t.append(el('mark', p.text.slice(a, z))); from = z; }
    t.append(seen(p.text.slice(from))); right.append(t); w.append(left, right); out.append(w);
  }
}
async function decide(verdict, pages) {
  // `at` moves on while the answer is on its way.
  const b = books[at], value = {digest: b.digest, id: b.id, verdict}; if (pages) value.pages = pages;
  if (given) { made.push(JSON.stringify({version: 1, ...value})); b.decided = verdict === 'undo' ? '' : 'decided: ' + verdict + (pages ? ' ' + pages.join(', ') : ''); }
  else {
    const r = await fetch('verdict', {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(value)});
    if (!r.ok) { alert(seen(await r.text())); return; }
    b.decided = (await r.json()).decided;
  }
  draw(); if (books[at] === b) document.getElementById('verdict').textContent = b.decided;
}
function numbers(words, most) {
  const said = prompt(words); if (!said) return null; const out = new Set();
  for (const part of said.split(',')) {
    const [, a, z] = part.match(/^\s*(\d+)\s*(?:-\s*(\d+)\s*)?$/) || [], last = Number(z || a);
    if (!a || a < 1 || last < a || last > most) { alert(`"${part}": pages are numbers from 1 to ${most}, for example 1-4,17`); return null; }
    for (let n = Number(a); n <= last; n++) out.add(n);
  }
  return [...out].sort((a, b) => a - b);
}
addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || !books.length) return; let p; const most = books[at].pages;
  switch (e.key) {
    case 'j': show(at + 1); break; case 'k': show(at - 1); break;
    case 'y': decide('keep'); show(at + 1); break; case 'n': decide('drop'); show(at + 1); break; case 'u': decide('undo'); break;
    case 'p': if ((p = numbers('Pages to drop, for example 1-4,17', most))) decide('pages', p); break;
    case 'o': if ((p = numbers(`Pages to read with OCR, for example 1-${most}`, most))) decide('ocr', p); break;
  }
});
document.getElementById('save').onclick = () => { const a = el('a'); a.href = URL.createObjectURL(new Blob([made.join('\n') + '\n'])); a.download = given.file; a.click(); };
(async () => {
  books = await ask('books'); if (given) document.getElementById('save').hidden = false;
  rows.style.height = books.length * HEIGHT + 'px'; list.onscroll = draw; addEventListener('resize', draw); show(0);
})();
