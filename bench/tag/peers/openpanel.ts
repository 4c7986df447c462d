/** @openpanel/web, with screen views, outgoing links and attributes. */
import { OpenPanel } from '@openpanel/web';
import { drive } from '../driven.ts';

const op = new OpenPanel({
  clientId: 'bench',
  apiUrl: `${location.origin}/sink/openpanel`,
  trackScreenViews: true,
  trackOutgoingLinks: true,
  trackAttributes: true,
});
drive({ track: (name, props) => void op.track(name, props), identify: (profileId) => void op.identify({ profileId }) });
