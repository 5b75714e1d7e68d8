// stripe_oracle.js WHAT ...: what Stripe's own package (tests/npm) makes of ours.
//
//   read URL KEY...       reads from our fake of Stripe's API with the real client, and prints what it got, a line of JSON a key
//   receive PORT SECRET   takes webhooks as a shop does, verified by the real client; the path's first part or /mode says how well, /seen what was taken
const http = require('http');
const Stripe = require(process.env.RUNBOOKD_NPM + '/node_modules/stripe');

async function read(url, ...keys) {
  for (const key of keys) console.log(JSON.stringify(await readWith(url, key)));
}

async function readWith(url, key) {
  const { hostname, port } = new URL(url);
  const stripe = new Stripe(key, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false });
  const caught = async (promise) => { try { return await promise; } catch (e) { return { thrown: e.type, code: e.code, status: e.statusCode, request: e.requestId }; } };
  const all = async (list) => { const ids = []; for await (const one of list) ids.push(one.id); return ids; };
  return {
    version: stripe.getApiField('version'),
    balance: await caught(stripe.balance.retrieve()),
    events: await caught(all(stripe.events.list({ limit: 100 }))),
    undelivered: await caught(all(stripe.events.list({ delivery_success: false }))),
    of_types: await caught(all(stripe.events.list({ types: ['payment_intent.succeeded', 'payment_intent.payment_failed'] }))),
    endpoints: await caught(all(stripe.webhookEndpoints.list())),
    charges: await caught(all(stripe.charges.list({ limit: 100 }))),
    processing: await caught(all(stripe.paymentIntents.search({ query: "status:'processing' AND created>=1 AND created<9999999999" }))),
    intent: await caught(stripe.paymentIntents.retrieve('pi_stuck1')),
    missing: await caught(stripe.paymentIntents.retrieve('pi_nobody')),
  };
}

function receive(port, secret) {
  const stripe = new Stripe('sk_test_unused');
  let told = 'good';
  const seen = [];
  http.createServer((request, reply) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece)).on('end', () => {
      const raw = Buffer.concat(pieces), signature = request.headers['stripe-signature'];
      const say = (status, text = '') => { reply.writeHead(status); reply.end(text); };
      if (request.url === '/mode') { told = raw.toString(); seen.length = 0; return say(200); }
      if (request.url === '/seen') return say(200, JSON.stringify(seen));
      const named = request.url.split('/')[1], mode = named === 'as-told' ? told : named;
      if (mode === 'moved') { reply.writeHead(308, { Location: 'http://127.0.0.1/elsewhere?token=t0ken-in-a-url' }); return reply.end(); }
      if (mode === 'absent') return say(404);
      if (mode === 'crashing' && !signature) return say(500);
      if (mode === 'slow-clock') reply.setHeader('Date', new Date(Date.now() - 3600e3).toUTCString());
      if (mode === 'slow-clock' && signature) return say(400);
      try {
        let event;
        if (mode === 'open') event = JSON.parse(raw);
        else if (mode === 'gullible') { if (!signature) return say(400); event = JSON.parse(raw); }
        else if (mode === 'parsed') event = stripe.webhooks.constructEvent(JSON.stringify(JSON.parse(raw), null, 1), signature, secret);
        else if (mode === 'timeless') event = stripe.webhooks.constructEvent(raw, signature, secret, 0);
        else event = stripe.webhooks.constructEvent(raw, signature, secret);
        seen.push(event);
      } catch (e) {
        return say(400, e.message);
      }
      return say(mode === 'failing' ? 500 : 200);
    });
  }).listen(+port, '127.0.0.1', () => console.log('ready'));
}

const [what, ...words] = process.argv.slice(2);
({ read, receive })[what](...words);
