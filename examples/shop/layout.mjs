/** What every page of the shop has around its content, and the pieces that several pages share. */

export const SHOP = 'Amber & Volt';

/** @param {{ title: string, description: string, page: string, current?: string }} head @param {string} main */
export function layout({ title, description, page, current = '' }, main, categories) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${text(title)}</title>
<meta name="description" content="${text(description)}">
<link rel="icon" href="/demo/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/demo/shop.css">
<script async src="/t.js" data-site="demo"></script>
<script type="module" src="/demo/shop.js"></script>
</head>
<body data-page="${page}">
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<div class="top-row wrap">
<a class="brand" href="/demo/"><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9"/><path d="M18 4 8 18h7l-1 10 10-14h-7z"/></svg>${text(SHOP)}</a>
<search class="find"><form action="/demo/search/">
<input type="search" name="q" placeholder="Search 36 good things" aria-label="Search the shop" data-testid="search-input" required>
<button type="submit" aria-label="Search" data-testid="search-submit"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="11" cy="11" r="6.5"/><path d="m16 16 5 5"/></svg></button>
</form></search>
<nav class="mine" aria-label="Yours">
<a href="/demo/account/" data-testid="account-link"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="8" r="4"/><path d="M4 21c0-5 4-7 8-7s8 2 8 7"/></svg><span id="account-name">Log in</span></a>
<a href="/demo/cart/" data-testid="cart-link"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3 4h2.5l2.3 11h10.4L21 7H6.3"/><circle cx="9.5" cy="19.5" r="1.5"/><circle cx="16.5" cy="19.5" r="1.5"/></svg><span>Cart</span><b id="cart-count" data-testid="cart-count" hidden>0</b></a>
</nav>
</div>
<nav class="aisles wrap" aria-label="Departments">
${categories.map(({ id, name }) => `<a href="/demo/c/${id}/"${id === current ? ' aria-current="page"' : ''}>${text(name)}</a>`).join('\n')}
</nav>
</header>
<main id="main" class="wrap">
${main.trim()}
</main>
<footer class="foot">
<div class="wrap foot-row">
<p><strong>${text(SHOP)}</strong><br>Electronics, well chosen.</p>
<p><strong>Visit us</strong><br>Torstraße, Berlin<br>Oudegracht, Utrecht</p>
<p><strong>Scan the shelf</strong><br>Every shelf label in our stores carries a code: scan it to read on, compare and buy later.</p>
<p class="fine">A demonstration: brands, products and prices are invented, and nothing is ever charged or delivered.</p>
</div>
</footer>
<output id="toast" class="toast" data-testid="toast"></output>
</body>
</html>
`;
}

/** One product of a list. What the shop's script needs to know of it stands in its data attributes. */
export function card(product, { heading = 'h3' } = {}) {
  return `<li class="card" ${facts(product)}>
<a href="/demo/p/${product.slug}/" data-testid="product-${product.sku}">
<span class="shot"><img src="/demo/img/${product.slug}.svg" alt="" width="400" height="320" loading="lazy"></span>
<span class="maker">${text(product.brand)}</span>
<${heading}>${text(modelOf(product))}</${heading}>
<span class="line">${text(product.highlights[0])}</span>
<span class="price">${euros(product.price)}</span>
</a>
</li>`;
}

export function list(id, name, products, options) {
  return `<ul class="cards" data-list-id="${id}" data-list-name="${text(name)}">
${products.map((product) => card(product, options)).join('\n')}
</ul>`;
}

export function facts({ sku, name, brand, category, price, slug }) {
  return `data-sku="${sku}" data-name="${text(name)}" data-brand="${text(brand)}" data-category="${category}" data-price="${price}" data-slug="${slug}"`;
}

export function modelOf({ name, brand }) {
  return name.slice(brand.length + 1);
}

/** The same format as the script's. */
export function euros(price) {
  return new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' }).format(Number(price));
}

export function text(value) {
  return String(value).replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]);
}
