// otlp_metrics_check.js: reads an OTLP/JSON metrics request from stdin with OTLP's own generated protobuf classes (npm
// @opentelemetry/otlp-transformer) and prints what they made of it.  What they do not know, or what changes on its way through
// the binary form and back, is an error.
const root = require('@opentelemetry/otlp-transformer/build/src/generated/root.js');
const Request = root.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest;

// Of what is sent nothing is lost: but an int64 may have been a string, and a double a word.
function compare(sent, read, path) {
    if (Array.isArray(sent)) {
        if (!sent.length && read === undefined) return;
        if (!Array.isArray(read) || read.length !== sent.length) throw new Error(`${path} has lost elements`);
        sent.forEach((one, i) => compare(one, read[i], `${path}[${i}]`));
    } else if (sent !== null && typeof sent === 'object') {
        for (const [name, inner] of Object.entries(sent)) {
            if (!read || !(name in read)) {
                if (Array.isArray(inner) && !inner.length) continue;
                throw new Error(`${path}.${name} is not known`);
            }
            compare(inner, read[name], `${path}.${name}`);
        }
    } else if (String(sent) !== String(read)) {
        throw new Error(`${path} was ${sent} and is ${read}`);
    }
}

const chunks = [];
process.stdin.on('data', chunk => chunks.push(chunk)).on('end', () => {
    const sent = JSON.parse(Buffer.concat(chunks));
    const message = Request.decode(Request.encode(Request.fromObject(sent)).finish());
    const read = Request.toObject(message, { longs: String });
    compare(sent, read, 'request');
    console.log(JSON.stringify(read));
});
