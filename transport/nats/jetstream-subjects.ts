/** The subjects on which JetStream itself listens (https://docs.nats.io/reference/reference-protocols/nats_api_reference). */
const api = '$JS.API';

/** What everybody asks who connects to JetStream, and what makes a stream that is not there, as it has to be, or finds it. */
export const openStream = (stream: string) => [
  `${api}.STREAM.INFO.${stream}`,
  // Of a stream that is there it is refused, unless it is just as that one.
  `${api}.STREAM.CREATE.${stream}`,
];
export const accountInfo = `${api}.INFO`;

/**
 * One message, such as the latest of a subject, told of in an answer. Nobody may read it directly (`DIRECT.GET`): that gives it as it is
 * to wherever the reader says, and what one may write here would be a record there.
 */
export const readMessage = (stream: string) => `${api}.STREAM.MSG.GET.${stream}`;

/** What reads a stream, from a place on or as it grows, through a consumer that is gone with its reader, and brings it. */
export const readThrough = (stream: string) => [
  `${api}.CONSUMER.CREATE.${stream}`,
  `${api}.CONSUMER.CREATE.${stream}.>`,
  `${api}.CONSUMER.INFO.${stream}.*`,
  `${api}.CONSUMER.DELETE.${stream}.*`,
  `$JS.FC.${stream}.>`,
];

/** The same, where the reader asks for some at a time. */
export const readInParts = (stream: string) => [...readThrough(stream), `${api}.CONSUMER.MSG.NEXT.${stream}.*`];

/** How far each consumer of a stream has come. */
export const listConsumers = (stream: string) => `${api}.CONSUMER.LIST.${stream}`;

export const deleteConsumer = (stream: string, consumer: string) => [`${api}.CONSUMER.DELETE.${stream}.${consumer}`];

/** What takes the messages of one subject from a work queue, and acknowledges them, by a consumer that it makes anew. */
export const takeFrom = (stream: string, consumer: string, subject: string) => [
  `${api}.CONSUMER.CREATE.${stream}.${consumer}.${subject}`,
  `${api}.CONSUMER.INFO.${stream}.${consumer}`,
  ...deleteConsumer(stream, consumer),
  `${api}.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
  `$JS.ACK.${stream}.${consumer}.>`,
];

export const changeStream = (stream: string) => `${api}.STREAM.UPDATE.${stream}`;
export const purgeStream = (stream: string) => [`${api}.STREAM.PURGE.${stream}`];
