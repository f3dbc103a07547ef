/** The bare reference of a start: Node with the NATS client alone. `bare-start.ts <url>` */
import { connect } from 'nats';

const connection = await connect({ servers: process.argv[2] ?? '' });
process.once('SIGTERM', () => void connection.close());
process.stdout.write('bare start is ready\n');
