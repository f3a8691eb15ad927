// cometd.mjs URL TRANSPORT: npm cometd in Node.
import { adapt } from 'cometd-nodejs-client';
import { open } from './cometd-session.mjs';
import { ask, report } from './runner.mjs';
import { scenario } from './scenario.mjs';

adapt();
const [url, transport] = process.argv.slice(2);
report(scenario(open(url, transport), ask));
