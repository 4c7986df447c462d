/** The content of each page of the shop, from the catalogue and the codes on its shelves. */
import { euros, facts, layout, list, modelOf, SHOP, text } from './layout.mjs';

/** Every page as [path in this folder, HTML]. */
export function pages({ categories, products }, { stores, codes }) {
  const all = [
    ['index.html', home()],
    ['search/index.html', search()],
    ['cart/index.html', cart()],
    ['checkout/index.html', checkout()],
    ['order/index.html', order()],
    ['account/index.html', account()],
    ['404.html', missing()],
    ...categories.map((category) => [`c/${category.id}/index.html`, department(category)]),
    ...products.map((product) => [`p/${product.slug}/index.html`, detail(product)]),
  ];
  return all.map(([path, { main, ...head }]) => [
    path,
    layout({ description: `${SHOP}: electronics, well chosen.`, ...head }, main, categories),
  ]);

  function home() {
    const tv = products.find(({ sku }) => sku === 'TV-55');
    const popular = ['TV-55', 'HP-Q7', 'PH-9', 'LT-13', 'CM-X4', 'SP-BK', 'TT-1', 'EB-P3'].map((sku) =>
      products.find((product) => product.sku === sku),
    );
    const main = `
<section class="hero">
<div>
<p class="kicker">Autumn film nights</p>
<h1>Black that is really&nbsp;black.</h1>
<p>The ${text(tv.name)}, now ${euros(tv.price)}. See it glow in Berlin, or have it at home by Thursday.</p>
<p class="actions"><a class="button" href="/demo/p/${tv.slug}/" data-testid="hero-link">See the ${text(modelOf(tv))}</a> <a class="button quiet" href="/demo/c/tvs/">All televisions</a></p>
</div>
<img src="/demo/img/${tv.slug}.svg" alt="${text(tv.name)}" width="400" height="320">
</section>
<ul class="promises">
<li><strong>Free delivery</strong> over €50</li>
<li><strong>30 days</strong> to change your mind</li>
<li><strong>Three years</strong> of warranty</li>
<li><strong>Two stores</strong> to try it all</li>
</ul>
<h2>Departments</h2>
<ul class="tiles">
${categories.map(({ id, name }) => `<li><a href="/demo/c/${id}/"><img src="/demo/img/${products.find(({ category }) => category === id).slug}.svg" alt="" width="400" height="320"><span>${text(name)}</span></a></li>`).join('\n')}
</ul>
<h2>Popular this week</h2>
${list('popular', 'Popular this week', popular)}`;
    return { title: `${SHOP}: electronics, well chosen`, page: 'home', main };
  }

  function department({ id, name, title, blurb }) {
    const main = `
${crumbs([])}
<h1>${text(title)}</h1>
<p class="lead">${text(blurb)}</p>
${list(
  `category-${id}`,
  name,
  products.filter(({ category }) => category === id),
  { heading: 'h2' },
)}`;
    return { title: `${title} · ${SHOP}`, description: blurb, page: 'list', current: id, main };
  }

  function detail(product) {
    const category = categories.find(({ id }) => id === product.category);
    const code = codes.find((each) => each.product.sku === product.sku);
    const store = stores.find(({ id }) => id === code.store_id);
    const family = products.filter((each) => each.category === product.category);
    const at = family.indexOf(product);
    const others = [1, 2, 3].map((step) => family[(at + step) % family.length]);
    const main = `
${crumbs([[`/demo/c/${category.id}/`, category.name]])}
<article class="product" ${facts(product)}>
<div class="stage"><img src="/demo/img/${product.slug}.svg" alt="${text(product.name)}" width="400" height="320"></div>
<div class="buy">
<p class="maker">${text(product.brand)}</p>
<h1>${text(modelOf(product))}</h1>
<p class="lead">${text(product.tagline)}</p>
<ul class="ticks">
${product.highlights.map((line) => `<li>${text(line)}</li>`).join('\n')}
</ul>
<p class="price big" data-testid="price">${euros(product.price)}</p>
<p class="fine">VAT included · ${Number(product.price) >= 50 ? 'free delivery' : 'delivery €4.90'}</p>
<form class="actions" id="add" data-testid="add-form">
<label class="amount">Quantity <input type="number" name="quantity" value="1" min="1" max="9" inputmode="numeric" data-testid="quantity"></label>
<button type="submit" class="button" data-testid="add-to-cart">Add to cart</button>
</form>
<p class="stock">In stock: with you in two days, or today at ${text(store.name)}</p>
</div>
<aside class="shelf" aria-labelledby="shelf-title">
<h2 id="shelf-title">Its shelf label</h2>
<div class="label">
<div><p class="store">${text(store.name)}</p><p class="what">${text(product.name)}</p><p class="price">${euros(product.price)}</p><p class="ean">EAN ${product.gtin}</p></div>
<figure><img src="/demo/qr/${code.code}.svg" alt="QR code of this shelf, ${code.code}" width="132" height="132" data-testid="shelf-code"><figcaption>Scan me in the store<br><b>${code.code}</b></figcaption></figure>
</div>
</aside>
</article>
<section aria-labelledby="facts-title">
<h2 id="facts-title">Compare with</h2>
${list('compare', 'Compare with', others)}
<section class="scroll" aria-label="Comparison">
<table class="versus">
<thead><tr><td></td>${[product, ...others].map((each) => `<th scope="col">${text(each.name)}</th>`).join('')}</tr></thead>
<tbody>
${Object.keys(product.specs)
  .map(
    (key) =>
      `<tr><th scope="row">${text(key)}</th>${[product, ...others].map((each) => `<td>${text(each.specs[key] ?? '–')}</td>`).join('')}</tr>`,
  )
  .join('\n')}
<tr><th scope="row">Price</th>${[product, ...others].map((each) => `<td>${euros(each.price)}</td>`).join('')}</tr>
</tbody>
</table>
</section>
</section>`;
    return { title: `${product.name} · ${SHOP}`, description: product.tagline, page: 'product', current: product.category, main };
  }

  function search() {
    const main = `
<h1 id="found">Search</h1>
<ul class="cards" id="results" data-list-id="search" data-list-name="Search results" data-testid="results"></ul>
<template id="card-template"><li class="card"><a href="/demo/"><span class="shot"><img alt="" width="400" height="320"></span><span class="maker"></span><h2>Product</h2><span class="line"></span><span class="price"></span></a></li></template>
<noscript><p>The search needs JavaScript; the departments above do without.</p></noscript>`;
    return { title: `Search · ${SHOP}`, page: 'search', main };
  }

  function cart() {
    const main = `
<h1>Your cart</h1>
${nothing('Nothing in it yet.')}
<div id="full" class="split" hidden>
<ul class="lines" id="lines"></ul>
${sum('<a class="button" href="/demo/checkout/" data-testid="checkout">To the checkout</a>')}
</div>
<template id="line-template"><li class="row" data-testid="cart-line"><a class="shot" href="/demo/"><img alt="Product" width="400" height="320"></a><div><a class="name" href="/demo/">Product</a><p class="each"></p></div><label class="amount">Quantity <input type="number" min="1" max="9" inputmode="numeric"></label><p class="price"></p><button type="button" class="link" data-testid="remove">Remove</button></li></template>`;
    return { title: `Your cart · ${SHOP}`, page: 'cart', main };
  }

  function checkout() {
    const main = `
<h1>Checkout</h1>
${nothing('There is nothing to pay for yet.')}
<div id="full" class="split" hidden>
<div>
<p class="hint" id="who" data-testid="who"></p>
<form id="delivery" class="step">
<h2>1. Where to?</h2>
<label>Your name <input name="name" autocomplete="name" required data-testid="ship-name"></label>
<label>E-mail <input name="email" type="email" autocomplete="email" required data-testid="ship-email"></label>
<label>Street and number <input name="street" autocomplete="street-address" required data-testid="ship-street"></label>
<label>Postcode and town <input name="town" required data-testid="ship-town"></label>
<fieldset><legend>Delivery</legend>
<label class="choice"><input type="radio" name="shipping_tier" value="Standard" checked> Standard, two days</label>
<label class="choice"><input type="radio" name="shipping_tier" value="Store pick-up"> Pick it up in a store today, free</label>
</fieldset>
<button type="submit" class="button" data-testid="to-payment">On to payment</button>
</form>
<form id="payment" class="step" hidden>
<h2 tabindex="-1">2. How to pay?</h2>
<fieldset><legend>Payment</legend>
<label class="choice"><input type="radio" name="payment_type" value="Invoice" checked> Invoice, 14 days</label>
<label class="choice"><input type="radio" name="payment_type" value="Bank transfer"> Bank transfer</label>
<label class="choice"><input type="radio" name="payment_type" value="In the store"> In the store</label>
</fieldset>
<button type="submit" class="button" data-testid="pay">Pay <span class="total"></span></button>
<p class="fine">A demonstration: nothing is charged.</p>
</form>
</div>
${sum('<ul class="short" id="lines"></ul>')}
</div>`;
    return { title: `Checkout · ${SHOP}`, page: 'checkout', main };
  }

  function order() {
    const main = `
<section class="panel narrow" id="placed" hidden>
<p class="kicker">Thank you</p>
<h1>Your order is in.</h1>
<p>Order <b id="order-id" data-testid="order-id"></b>, <span class="total"></span>. We have made a note of it; nobody will be charged.</p>
<ul class="short" id="lines"></ul>
<p class="actions"><a class="button" href="/demo/">Keep looking around</a></p>
</section>
${nothing('We do not know this order on this device.')}`;
    return { title: `Order placed · ${SHOP}`, page: 'order', main };
  }

  function account() {
    const main = `
<section id="visitor" class="doors" hidden>
<form id="login" class="panel step" data-testid="login-form">
<h1>Log in</h1>
<label>User name <input name="user" autocomplete="username" pattern="${NAME}" title="${NAME_HINT}" required data-testid="login-name"></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required data-testid="login-password"></label>
<button type="submit" class="button" data-testid="login-submit">Log in</button>
<p class="fine">A demonstration: any name and password will do, and the password is not kept.</p>
</form>
<form id="signup" class="panel step" data-testid="signup-form">
<h2>New here?</h2>
<label>User name <input name="user" autocomplete="username" pattern="${NAME}" title="${NAME_HINT}" required data-testid="signup-name"></label>
<label>E-mail <input name="email" type="email" autocomplete="email" required data-testid="signup-email"></label>
<label>Password <input name="password" type="password" autocomplete="new-password" required data-testid="signup-password"></label>
<button type="submit" class="button quiet" data-testid="signup-submit">Sign up</button>
</form>
</section>
<section id="member" class="panel narrow" hidden>
<h1 tabindex="-1">Hello, <span id="member-name" data-testid="member-name"></span></h1>
<p>Your customer number is <b id="customer-id" data-testid="customer-id"></b>.</p>
<h2>Orders on this device</h2>
<ul class="short" id="orders"></ul>
<p class="actions"><button type="button" class="button quiet" id="logout" data-testid="logout">Log out</button></p>
</section>`;
    return { title: `Your account · ${SHOP}`, page: 'account', main };
  }

  function missing() {
    const main = `
<section class="panel narrow">
<p class="kicker">404</p>
<h1>This shelf is empty.</h1>
<p>The page may have moved, or never was.</p>
<p class="actions"><a class="button" href="/demo/">To the front door</a></p>
</section>`;
    return { title: `Not found · ${SHOP}`, page: 'missing', main };
  }
}

/** Sign-in names: what a customer id is made of. */
const NAME = '[A-Za-z0-9._\\-]{2,40}';
const NAME_HINT = '2 to 40 letters, digits, dots, dashes or underscores';

function crumbs(steps) {
  return `<nav class="crumbs" aria-label="You are here"><a href="/demo/">Home</a>${steps.map(([href, name]) => ` › <a href="${href}">${text(name)}</a>`).join('')}</nav>`;
}

function nothing(words) {
  return `<div id="empty" class="panel narrow" hidden><p>${words}</p><p class="actions"><a class="button" href="/demo/">Look around</a></p></div>`;
}

function sum(more) {
  return `<aside class="panel sum" aria-label="Sum">
<dl><dt>Goods</dt><dd id="goods"></dd><dt>Delivery</dt><dd id="shipping"></dd><dt>Total</dt><dd class="total" data-testid="total"></dd></dl>
${more}
</aside>`;
}
