/**
 * Whether traces are wanted, by the standard settings of OpenTelemetry: they are sent when the environment says where to
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). What sends them is loaded only then.
 */
import type { Clock } from '../../transport/clock.ts';
import type { Tracer } from '../../transport/tracing.ts';
import type { Logger } from './logger.ts';

export interface Tracing {
  readonly tracer: Tracer;
  /** Resolves when what was traced is sent, or cannot be. */
  stop(): Promise<void>;
}

export interface TracingWorld {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a process is called, where the environment does not say. */
export interface Service {
  name: string;
  version: string;
  instance: string;
}

/** Nothing, when no traces are wanted. */
export async function openTracing(
  service: Service,
  world: TracingWorld,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Tracing | undefined> {
  if (!isWanted(environment)) return undefined;
  const { startTracing } = await import('./open-telemetry.ts');
  return startTracing(service, world);
}

function isWanted(environment: NodeJS.ProcessEnv): boolean {
  const { OTEL_SDK_DISABLED: disabled, OTEL_TRACES_EXPORTER: exporter } = environment;
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ofTraces } = environment;
  const isOff = disabled?.toLowerCase() === 'true' || (exporter !== undefined && !/^(|otlp)$/.test(exporter));
  return !isOff && Boolean(endpoint || ofTraces);
}
