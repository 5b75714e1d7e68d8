// otlp_check.js: reads an OTLP/JSON logs request from stdin with OTLP's own generated protobuf classes (npm
// @opentelemetry/otlp-transformer) and prints what they made of it.  A name that they do not know is an error, as is a value of
// the wrong type: an int64 may be a string, as protobuf's mapping to JSON has it.
const root = require('@opentelemetry/otlp-transformer/build/src/generated/root.js');
const Request = root.opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest;

function check(value, type, path) {
    for (const [name, inner] of Object.entries(value)) {
        const field = type.prototype[name] !== undefined || name in type.prototype;
        const number = ['intValue', 'timeUnixNano', 'observedTimeUnixNano'].includes(name);
        if (!field && !number) throw new Error(`${path}.${name} is not known`);
        if (number && !/^-?[0-9]+$/.test(inner)) throw new Error(`${path}.${name} is no int64: ${inner}`);
    }
}

const chunks = [];
process.stdin.on('data', chunk => chunks.push(chunk)).on('end', () => {
    const json = JSON.parse(Buffer.concat(chunks));
    check(json, Request, 'request');
    const logs = root.opentelemetry.proto.logs.v1, common = root.opentelemetry.proto.common.v1;
    const values = (value, path) => {
        check(value, common.AnyValue, path);
        if (Object.keys(value).length > 1) throw new Error(`${path} has two values`);
        for (const item of (value.arrayValue || {}).values || []) values(item, path);
        for (const pair of (value.kvlistValue || {}).values || []) pairs(pair, path);
    };
    const pairs = (pair, path) => {
        check(pair, common.KeyValue, path);
        values(pair.value, `${path}.${pair.key}`);
    };
    for (const resource of json.resourceLogs) {
        check(resource, logs.ResourceLogs, 'resourceLogs');
        for (const pair of resource.resource.attributes) pairs(pair, 'resource');
        for (const scope of resource.scopeLogs) {
            check(scope, logs.ScopeLogs, 'scopeLogs');
            for (const record of scope.logRecords) {
                check(record, logs.LogRecord, 'logRecords');
                values(record.body, 'body');
                for (const pair of record.attributes) pairs(pair, 'attributes');
            }
        }
    }
    const wrong = Request.verify(json);
    if (wrong && !/: (integer|Long)/.test(wrong)) throw new Error(wrong);
    const back = Request.decode(Request.encode(Request.fromObject(json)).finish());
    console.log(JSON.stringify(Request.toObject(back, { longs: String, enums: String })));
});
