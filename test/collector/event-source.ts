/** A client of server-sent events over real HTTP, for tests and benchmarks: it reads as the standard says, and hands over whole messages. */

export interface Message {
  id: string;
  type: string;
  data: { event_id?: string; position?: number; link?: { session_id: string; status: string } | null } & Record<string, unknown>;
}

export interface EventSource {
  response: Response;
  /** The id that a reconnect sends: of the last message, or of an empty one after it. */
  last_event_id(): string;
  /** Comments seen. */
  comments(): number;
  messages: AsyncGenerator<Message>;
  close(): void;
}

export async function openStream(url: string, token: string, lastEventId?: string): Promise<EventSource> {
  const abort = new AbortController();
  const headers = { authorization: `Bearer ${token}`, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) };
  const response = await fetch(url, { headers, signal: abort.signal });
  let last = lastEventId ?? '';
  let comments = 0;

  async function* read(): AsyncGenerator<Message> {
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const bytes of response.body ?? []) {
        text += decoder.decode(bytes as Uint8Array, { stream: true });
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          let type = 'message';
          const data: string[] = [];
          for (const line of text.slice(0, end).split('\n')) {
            const colon = line.indexOf(':');
            const [field, value] = [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
            if (field === '') comments += 1;
            if (field === 'id') last = value;
            if (field === 'event') type = value;
            if (field === 'data') data.push(value);
          }
          text = text.slice(end + 2);
          if (data.length > 0) yield { id: last, type, data: JSON.parse(data.join('\n')) as Message['data'] };
        }
      }
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    }
  }
  return { response, last_event_id: () => last, comments: () => comments, messages: read(), close: () => abort.abort() };
}
