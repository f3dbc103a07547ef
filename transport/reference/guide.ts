/** The part of the reference that no schema tells: how to begin, and how things are done in several requests. */
import { maxChunkBytes } from '../messages/api/image.ts';

export const guide = `## How to ask

Send a NATS request to \`cloud.api.v1.<resource>.<verb>\` with a JSON object; the reply is a JSON object. An empty
payload stands for \`{}\`. Unknown fields are refused.

| header | meaning |
| --- | --- |
| \`Authorization\` | \`Bearer <token>\`; a token is for one user in one project |
| \`X-Request-Id\` | \`req-\` and a UUID, to find the request again in logs and facts; made up when there is none |
| \`traceparent\` | W3C trace context, carried on by all that follows from the request |

\`\`\`sh
export NATS_URL=nats://127.0.0.1:4222 NATS_CREDS=me.creds TOKEN=…
inbox=$(sed -n 's/.*inbox of this user: //p' $NATS_CREDS)
nats --inbox-prefix $inbox req -H "Authorization:Bearer $TOKEN" cloud.api.v1.instance.list '{}'
\`\`\`

The credentials say who you are to NATS, the token who you are to the cloud. A user of NATS hears answers only below an
inbox of its own, which stands in the file of its credentials; \`token.nats-user\`, or \`kilonova token creds\`, makes them
from a token.

What a request has changed, the next one sees. A request that was answered \`timeout\` may have been done: look before
asking again, or give a create a \`clientToken\`.

## How to find out what there is

The API servers speak the NATS micro protocol: \`$SRV.PING\`, \`$SRV.INFO\` and \`$SRV.STATS\`, each also with
\`.kilonova-api\`. The metadata of each endpoint in \`$SRV.INFO\` say what it is for (\`description\`), who may ask
(\`access\`), whether it changes anything (\`kind\`), how long to wait (\`timeoutMs\`), and where to ask for its JSON
Schemas (\`schema\`). In these, \`x-listed-by\` tells of a field that refers to something: the endpoint \`subject\` lists
the values, at \`pointer\` in its reply.

## How to list

Lists come in pages. Ask again with \`marker\`, the last entry of the page before, until a page is empty: a page may hold
fewer than \`limit\`, because it has to fit into a message.

## How to follow

A create or a command is answered when it is accepted. What comes of it is told as facts:

\`\`\`sh
nats sub 'cloud.fact.instance.<project>.<uuid>'
\`\`\`

Subscribe first, then ask \`instance.get\`: its \`state\` is where the facts go on from. \`fact.list\` tells what has
happened before.

## How to upload an image

1. \`image.create\` with the \`size\` and \`sha256\` of each file. The reply says in \`missing\` which are not there yet.
2. \`image.upload\` for each missing file: chunks of ${maxChunkBytes} bytes (the last one shorter), in any order, each in base64
   and with its \`offset\`. A chunk may come again.
3. \`image.finish\`, until the status is \`active\`.`;
