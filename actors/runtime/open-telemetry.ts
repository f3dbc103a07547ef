/**
 * Sends traces by OpenTelemetry's OTLP over HTTP, as JSON. Sampling, batching, limits, headers and time-outs are as the
 * standard environment variables say, which its libraries read themselves.
 */
import {
  type Attributes,
  DiagLogLevel,
  diag,
  type Span as RecordedSpan,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Span, SpanOptions } from '../../transport/tracing.ts';
import type { Service, Tracing, TracingWorld } from './tracing.ts';

const kinds: Record<SpanOptions['kind'], SpanKind> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

/** What was traced last is waited for at most so long (ms). */
const stopMs = 3_000;

export function startTracing(service: Service, { clock, logger }: TracingWorld): Tracing {
  // A collector that is not there is no reason to stop, and none to be silent.
  const warn = (message: string) => logger.warn({ reason: message.slice(0, 500) }, 'traces may be lost');
  const silent = () => undefined;
  diag.setLogger(
    { error: warn, warn, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const resource = defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': service.name,
        'service.version': service.version,
        'service.instance.id': service.instance,
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('kilonova', service.version);
  return {
    tracer: {
      begin({ name, kind, attributes = {} }, parent) {
        const context = parent === undefined ? undefined : parseTraceparent(parent);
        const below = context ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT;
        return tellOf(tracer.startSpan(name, { kind: kinds[kind], attributes: attributes as Attributes }, below));
      },
    },
    async stop() {
      const late = Promise.withResolvers<void>();
      const cancel = clock.after(stopMs, late.resolve);
      await Promise.race([provider.shutdown(), late.promise]).catch((error: unknown) => warn(String(error)));
      cancel();
    },
  };
}

function tellOf(span: RecordedSpan): Span {
  return {
    traceparent: formatTraceparent(span.spanContext()),
    end(failure) {
      if (failure) {
        span.setAttribute('error.type', failure.code);
        span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message });
      }
      span.end();
    },
  };
}

function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

function parseTraceparent(traceparent: string): SpanContext | undefined {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent) ?? [];
  if (!traceId || !spanId || !flags) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
}
