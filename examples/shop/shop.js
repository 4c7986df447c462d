/** The shop's one script: cart, checkout, account and search in the browser, and the data layer that analytics read. */

const page = document.body.dataset.page;
const $ = (selector, root = document) => root.querySelector(selector);

/* The data layer, as GA4 wants it. */

window.dataLayer = window.dataLayer || [];

function push(entry) {
  window.dataLayer.push(entry);
}

function pushShop(event, ecommerce, more = {}) {
  push({ ecommerce: null });
  push({ event, ...more, ecommerce });
}

/** @param {{ sku: string, name: string, brand: string, category: string, price: string }} facts of an element's data attributes or a cart line */
function itemOf({ sku, name, brand, category, price }, more = {}) {
  return { item_id: sku, item_name: name, item_brand: brand, item_category: category, price: Number(price), quantity: 1, ...more };
}

function worth(items) {
  return {
    currency: 'EUR',
    value: items.reduce((cents, { price, quantity }) => cents + Math.round(price * 100) * quantity, 0) / 100,
    items,
  };
}

/* What this device remembers. Storage may be full, blocked or filled with something else. */

function recall(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`amber-volt.${key}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(`amber-volt.${key}`, JSON.stringify(value));
  } catch {
    toast('Your browser does not let us remember this.');
  }
}

const euros = (amount) => new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' }).format(amount);
const cart = () => recall('cart', []);
const accounts = () => recall('accounts', {});
const customer = () => recall('customer', null);
const orders = () => recall('orders', []);
const customerId = (user) => `C-${user.toLowerCase()}`;
const itemsOf = (lines) => lines.map((line) => itemOf(line, { quantity: line.quantity }));

function toast(words) {
  const box = $('#toast');
  box.textContent = words;
  box.classList.add('shown');
  setTimeout(() => box.classList.remove('shown'), 3000);
}

function showHead() {
  const count = cart().reduce((sum, { quantity }) => sum + quantity, 0);
  const badge = $('#cart-count');
  badge.textContent = count;
  badge.hidden = count === 0;
  $('#account-name').textContent = customer()?.user ?? 'Log in';
}

/* Lists of products: home, departments, comparisons, search results. */

function watchLists() {
  for (const list of document.querySelectorAll('[data-list-id]')) {
    const { listId, listName } = list.dataset;
    const of = { item_list_id: listId, item_list_name: listName };
    const items = [...list.children].map((card, index) => itemOf(card.dataset, { index, ...of }));
    if (items.length === 0) continue;
    pushShop('view_item_list', { ...of, items });
    list.addEventListener('click', ({ target }) => {
      const index = [...list.children].indexOf(target.closest('.card'));
      if (index >= 0 && target.closest('a')) pushShop('select_item', { ...of, items: [items[index]] });
    });
  }
}

function showProduct() {
  const { dataset } = $('.product');
  pushShop('view_item', worth([itemOf(dataset)]));
  $('#add').addEventListener('submit', (event) => {
    event.preventDefault();
    const quantity = Number(new FormData(event.target).get('quantity')) || 1;
    const { sku, name, brand, category, price, slug } = dataset;
    const lines = cart();
    const known = lines.find((line) => line.sku === sku);
    if (known) known.quantity += quantity;
    else lines.push({ sku, name, brand, category, price, slug, quantity });
    remember('cart', lines);
    pushShop('add_to_cart', worth([itemOf(dataset, { quantity })]));
    showHead();
    toast(`${name} is in your cart.`);
  });
}

async function showResults() {
  const term = (new URLSearchParams(location.search).get('q') ?? '').trim();
  if (term === '') return;
  $('[name=q]').value = term;
  const { products } = await (await fetch('/demo/catalogue.json')).json();
  const words = term.toLowerCase().split(/\s+/);
  const found = products.filter((product) => {
    const { name, category, tagline, highlights, sku } = product;
    const all = [name, category, tagline, sku, ...highlights, ...Object.values(product.specs)].join(' ').toLowerCase();
    return words.every((word) => all.includes(word));
  });
  $('#found').textContent = `${found.length === 0 ? 'Nothing' : found.length} found for “${term}”`;
  for (const product of found) {
    const { sku, name, brand, category, price, slug } = product;
    const card = $('#card-template').content.firstElementChild.cloneNode(true);
    Object.assign(card.dataset, { sku, name, brand, category, price, slug });
    const link = $('a', card);
    link.href = `/demo/p/${slug}/`;
    link.dataset.testid = `product-${sku}`;
    $('img', card).src = `/demo/img/${slug}.svg`;
    $('.maker', card).textContent = brand;
    $('h2', card).textContent = name.slice(brand.length + 1);
    $('.line', card).textContent = product.highlights[0];
    $('.price', card).textContent = euros(price);
    $('#results').append(card);
  }
  push({ event: 'search', search_term: term, search_results: found.length });
}

/* Cart, checkout, order. */

const FREE_FROM = 50;
const DELIVERY = 4.9;

function sumOf(lines, tier = 'Standard') {
  const { value } = worth(itemsOf(lines));
  const shipping = tier === 'Standard' && value < FREE_FROM ? DELIVERY : 0;
  return { value, shipping, total: Math.round((value + shipping) * 100) / 100 };
}

function showSum(lines, tier) {
  const { value, shipping, total } = sumOf(lines, tier);
  $('#empty').hidden = lines.length > 0;
  $('#full').hidden = lines.length === 0;
  $('#goods').textContent = euros(value);
  $('#shipping').textContent = shipping === 0 ? 'free' : euros(shipping);
  for (const place of document.querySelectorAll('.total')) place.textContent = euros(total);
}

function showLines(lines) {
  const entries = lines.map(({ quantity, name, price }) => entry(`${quantity} × ${name}`, euros(price * quantity)));
  $('#lines').replaceChildren(...entries);
}

function entry(...words) {
  const item = document.createElement('li');
  for (const word of words) item.append(Object.assign(document.createElement('span'), { textContent: word }));
  return item;
}

function showCart() {
  const draw = () => {
    const lines = cart();
    $('#lines').replaceChildren(...lines.map(drawLine));
    showSum(lines);
    showHead();
  };
  const change = (sku, quantity) => {
    const lines = cart();
    const line = lines.find((each) => each.sku === sku);
    const more = quantity - line.quantity;
    line.quantity = quantity;
    remember(
      'cart',
      lines.filter((each) => each.quantity > 0),
    );
    if (more !== 0) pushShop(more > 0 ? 'add_to_cart' : 'remove_from_cart', worth([itemOf(line, { quantity: Math.abs(more) })]));
    draw();
  };
  const drawLine = ({ sku, name, slug, price, quantity }) => {
    const row = $('#line-template').content.firstElementChild.cloneNode(true);
    row.dataset.sku = sku;
    for (const link of row.querySelectorAll('a')) link.href = `/demo/p/${slug}/`;
    Object.assign($('img', row), { src: `/demo/img/${slug}.svg`, alt: name });
    $('.name', row).textContent = name;
    $('.each', row).textContent = `${euros(price)} each`;
    $('.price', row).textContent = euros(price * quantity);
    const amount = $('input', row);
    amount.value = quantity;
    amount.max = Math.max(9, quantity);
    amount.addEventListener('change', () => change(sku, Math.max(1, Math.min(99, Math.round(Number(amount.value)) || 1))));
    $('button', row).ariaLabel = `Remove ${name}`;
    $('button', row).addEventListener('click', () => change(sku, 0));
    return row;
  };
  draw();
  if (cart().length > 0) pushShop('view_cart', worth(itemsOf(cart())));
}

function showCheckout() {
  const lines = cart();
  const items = itemsOf(lines);
  showSum(lines);
  showLines(lines);
  if (lines.length === 0) return;
  pushShop('begin_checkout', worth(items));

  const delivery = $('#delivery');
  const payment = $('#payment');
  const tier = () => new FormData(delivery).get('shipping_tier');
  const member = customer();
  if (member) {
    $('#who').textContent = `Ordering as ${member.user}.`;
    const known = accounts()[member.user] ?? {};
    for (const [name, value] of Object.entries(known)) if (delivery.elements[name]) delivery.elements[name].value = value;
  } else {
    const link = Object.assign(document.createElement('a'), { href: '/demo/account/?next=checkout', textContent: 'Log in' });
    link.dataset.testid = 'checkout-login';
    $('#who').append('Ordering as a guest. ', link, ' if you have an account.');
  }
  delivery.addEventListener('change', () => showSum(lines, tier()));
  delivery.addEventListener('submit', (event) => {
    event.preventDefault();
    pushShop('add_shipping_info', { ...worth(items), shipping_tier: tier() });
    payment.hidden = false;
    $('h2', payment).focus();
  });
  payment.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { name, email, street, town } = Object.fromEntries(new FormData(delivery));
    pushShop('add_payment_info', { ...worth(items), payment_type: new FormData(payment).get('payment_type') });
    const { shipping, total } = sumOf(lines, tier());
    const order = {
      id: newOrderId(),
      user: member?.user ?? null,
      email_sha256: await emailHash(email),
      lines,
      shipping,
      total,
      told: false,
    };
    remember('orders', [...orders(), order]);
    remember('cart', []);
    if (member) remember('accounts', { ...accounts(), [member.user]: { name, email, street, town } });
    location.assign(`/demo/order/?id=${order.id}`);
  });
}

/** The purchase is told once, however often the page is reloaded. */
function showOrder() {
  const id = new URLSearchParams(location.search).get('id');
  const all = orders();
  const order = all.find((each) => each.id === id);
  $('#placed').hidden = !order;
  $('#empty').hidden = Boolean(order);
  if (!order) return;
  $('#order-id').textContent = order.id;
  $('.total').textContent = euros(order.total);
  showLines(order.lines);
  if (order.told) return;
  order.told = true;
  remember('orders', all);
  pushShop(
    'purchase',
    { transaction_id: order.id, ...worth(itemsOf(order.lines)), shipping: order.shipping },
    userData(order.email_sha256),
  );
}

function userData(email_sha256) {
  return email_sha256 ? { user_data: { sha256_email_address: email_sha256 } } : {};
}

function newOrderId() {
  const letters = 'ABCDEFGHJKMNPQRSTVWXYZ0123456789';
  return `AV-${[...crypto.getRandomValues(new Uint8Array(10))].map((byte) => letters[byte % 32]).join('')}`;
}

/** Null where the page has no secure context, and so no SHA-256: an order goes through all the same. */
async function emailHash(email) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(email.trim().toLowerCase()));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/* The account. A password is asked for, since shops do, and kept nowhere. */

function showAccount() {
  const draw = () => {
    const member = customer();
    $('#visitor').hidden = Boolean(member);
    $('#member').hidden = !member;
    showHead();
    if (!member) return;
    $('#member-name').textContent = member.user;
    $('#customer-id').textContent = member.id;
    const mine = orders().filter(({ user }) => user === member.user);
    $('#orders').replaceChildren(...(mine.length > 0 ? mine.map(({ id, total }) => entry(id, euros(total))) : [entry('None yet')]));
  };
  const enter = (form, event) => {
    form.addEventListener('submit', async (submit) => {
      submit.preventDefault();
      const { user: typed, email } = Object.fromEntries(new FormData(form));
      const user = typed.toLowerCase();
      if (email) remember('accounts', { ...accounts(), [user]: { email } });
      remember('customer', { user, id: customerId(user) });
      const known = accounts()[user]?.email;
      push({ event, method: 'password', user_id: customerId(user), ...userData(known ? await emailHash(known) : null) });
      form.reset();
      if (new URLSearchParams(location.search).get('next') === 'checkout') return location.assign('/demo/checkout/');
      draw();
      $('#member h1').focus();
    });
  };
  enter($('#login'), 'login');
  enter($('#signup'), 'sign_up');
  $('#logout').addEventListener('click', () => {
    remember('customer', null);
    push({ event: 'logout', user_id: null });
    draw();
  });
  draw();
}

const show = { product: showProduct, search: showResults, cart: showCart, checkout: showCheckout, order: showOrder, account: showAccount };

if (customer()) push({ user_id: customer().id });
showHead();
await show[page]?.();
watchLists();
// A page that comes back from the back/forward cache may show a cart that has been paid for meanwhile.
addEventListener('pageshow', ({ persisted }) => {
  if (!persisted) return;
  if (page === 'cart' || page === 'checkout') location.reload();
  else showHead();
});
