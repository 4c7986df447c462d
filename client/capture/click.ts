/** Clicks that leave the shop, submitted forms, and what the page marks with `data-ff-event`. Watches only: never prevents, never navigates. */
import { listen } from '../guard.ts';
import { record } from '../record.ts';

export function watchClicks(): void {
  listen(document, 'click auxclick', (event: MouseEvent) => {
    const target = event.composedPath()[0] as Element;
    const marked = target.closest('[data-ff-event]');
    if (marked) {
      // `data-ff-event="add_to_wishlist" data-ff-item-id="TV-55"`
      const props: Record<string, string> = {};
      for (const { name, value } of marked.attributes) if (/^data-ff-/.test(name)) props[name.slice(8).replace(/-/g, '_')] = value;
      record(props.event as string, props);
    }
    const link = target.closest('a');
    // Addresses of mail and telephone have no host.
    if (event.button < 2 && link && link.host && link.host !== location.host) record('click', { link_url: link.href, outbound: true });
  });
  listen(document, 'submit', ({ target }) => {
    const form = target as HTMLFormElement;
    // By attribute: a field named `id` hides the form's own property.
    record('form_submit', {
      form_id: form.getAttribute('id'),
      fields: Array.from(form.elements, (field) => (field as HTMLInputElement).name),
    });
  });
}
