/** How to read the lines of the pictures. */
export function StrengthKey() {
  return (
    <ul class="key">
      <li>
        <span class="sample is-signed" /> signed: the retailer’s backend vouches for it
      </li>
      <li>
        <span class="sample is-stated" /> stated: the page said so
      </li>
      <li>
        <span class="sample is-carried" /> carried: came with a personal link
      </li>
      <li>
        <span class="sample is-thread" /> leads to the event that links a session which named nobody
      </li>
    </ul>
  );
}
