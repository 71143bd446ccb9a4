// Sends all three signals with the Node.js SDK, each request to two places at once: `send.cjs PROTOCOL PLACE PLACE`.
"use strict";
const { trace, SpanKind, SpanStatusCode, context } = require("@opentelemetry/api");
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { resources, tracing, metrics, logs } = require("@opentelemetry/sdk-node");

const [protocol, ...places] = process.argv.slice(2);
const resource = resources.resourceFromAttributes({ "service.name": "shop", "host.cpus": 4, zones: ["a", "b"] });
const attributes = { text: "caf\u00e9 \u2603", whole: -7, large: 2 ** 40, half: 0.5, yes: true, list: ["a", "b"] };

// One exporter of the SDK for a place, with gzip.
function exporter(signal, place) {
  const [module, name] = { traces: ["trace", "Trace"], metrics: ["metrics", "Metric"], logs: ["logs", "Log"] }[signal];
  const type = require(`@opentelemetry/exporter-${module}-otlp-${protocol}`)[`OTLP${name}Exporter`];
  const url = protocol === "grpc" ? `http://${place}` : `http://${place}/v1/${signal}`;
  return new type({ url, compression: "gzip" });
}

// One exporter that gives the same data to several, and fails if any of them does.
function tee(signal) {
  const exporters = places.map((place) => exporter(signal, place));
  const all = (method) => Promise.all(exporters.map((each) => each[method]?.()));
  return {
    export(data, done) {
      const one = (each) => new Promise((resolve) => each.export(data, resolve));
      Promise.all(exporters.map(one)).then((results) => {
        const failed = results.find((result) => result.code !== 0);
        if (failed) {
          console.error(signal, failed);
          process.exit(1);
        }
        done(results[0]);
      });
    },
    shutdown: () => all("shutdown"),
    forceFlush: () => all("forceFlush"),
  };
}

async function sendTraces() {
  const processor = new tracing.BatchSpanProcessor(tee("traces"));
  const provider = new tracing.BasicTracerProvider({ resource, spanProcessors: [processor] });
  const tracer = provider.getTracer("checkout", "1.2.3", { schemaUrl: "https://opentelemetry.io/schemas/1.27.0" });
  for (let order = 0; order < 20; order++) {
    const parent = tracer.startSpan("order", { kind: SpanKind.SERVER, attributes });
    const links = [{ context: parent.spanContext(), attributes: { why: "it began here" } }];
    const inside = trace.setSpan(context.active(), parent);
    const child = tracer.startSpan(`pay ${order}`, { kind: SpanKind.CLIENT, links }, inside);
    child.addEvent("retry", { attempt: order });
    child.recordException(new Error("no money"));
    child.setStatus({ code: SpanStatusCode.ERROR, message: "declined" });
    child.end();
    parent.end();
  }
  await provider.shutdown();
}

async function sendMetrics() {
  const hour = 3_600_000;
  const reader = new metrics.PeriodicExportingMetricReader({ exporter: tee("metrics"), exportIntervalMillis: hour });
  const aggregation = { type: metrics.AggregationType.EXPONENTIAL_HISTOGRAM };
  const views = [{ instrumentName: "size", aggregation }];
  const provider = new metrics.MeterProvider({ resource, readers: [reader], views });
  const meter = provider.getMeter("warehouse", "4.5.6");
  meter.createObservableGauge("stock").addCallback((result) => {
    result.observe(3, { shelf: 1 });
    result.observe(2.5, { shelf: 2 });
  });
  const sold = meter.createCounter("sold", { unit: "1", description: "Items sold" });
  const level = meter.createUpDownCounter("level");
  const duration = meter.createHistogram("duration", { unit: "s" });
  const size = meter.createHistogram("size", { unit: "By" });
  for (let item = 0; item < 50; item++) {
    sold.add(item, { kind: item % 3, ...attributes });
    level.add(item % 2 ? -1 : 2);
    duration.record(item / 10, { route: "/items" });
    size.record(item * 1000.5);
  }
  await provider.shutdown();
}

async function sendLogs() {
  const processor = new logs.BatchLogRecordProcessor({ exporter: tee("logs") });
  const provider = new logs.LoggerProvider({ resource, processors: [processor] });
  const logger = provider.getLogger("audit", "7.8.9");
  const bodies = ["sold", 42, 1.5, true, new Uint8Array([0, 255]), ["a", { b: [1, "c"] }], { deep: { er: [0] } }];
  bodies.forEach((body, number) =>
    logger.emit({
      timestamp: [1_748_736_000, number],
      observedTimestamp: [1_748_736_000, 500 + number],
      severityNumber: SeverityNumber.WARN2,
      severityText: "WARN2",
      eventName: `event.${number}`,
      body,
      attributes,
    }),
  );
  await provider.shutdown();
}

async function main() {
  await sendTraces();
  await sendMetrics();
  await sendLogs();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
