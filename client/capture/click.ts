/** Clicks that leave the shop, submitted forms, and what the page marks with `data-ff-event`. Watches only: never prevents, never navigates. */
import { listen } from '../guard.ts';
import { record } from '../record.ts';

export function watchClicks(): void {
  listen(document, 'click auxclick', (event: MouseEvent) => {
    const target = event.composedPath()[0] as Element;
    recordMarked(target.closest('[data-ff-event]:not(form)'));
    const link = target.closest<HTMLAnchorElement>('a[href]');
    if (event.button < 2 && link && /^http/.test(link.protocol) && link.host !== location.host) {
      record('click', { link_url: link.href, link_domain: link.hostname, outbound: true });
    }
  });
  listen(document, 'submit', (event) => {
    const form = event.target as HTMLFormElement;
    recordMarked(form.closest('form[data-ff-event]'));
    // By attribute: a field named `id` or `action` hides the form's own property.
    record('form_submit', {
      form_id: form.getAttribute('id'),
      form_name: form.getAttribute('name'),
      form_destination: (form.getAttribute('action') || '').replace(/[?#].*/, ''),
      fields: Array.from(form.querySelectorAll('[name]'), (field) => field.getAttribute('name')),
    });
  });
}

/** `data-ff-event="add_to_wishlist" data-ff-item-id="TV-55"`. */
function recordMarked(element: Element | null): void {
  if (!element) return;
  const props: Record<string, string> = {};
  for (const { name, value } of Array.from(element.attributes)) {
    if (/^data-ff-/.test(name)) props[name.slice(8).replace(/-/g, '_')] = value;
  }
  const { event, ...more } = props;
  record(String(event), more);
}
