// faye.mjs URL TRANSPORT: npm faye in Node.
import faye from 'faye';
import { open } from './faye-session.mjs';
import { ask, report } from './runner.mjs';
import { scenario } from './scenario.mjs';

const [url, transport] = process.argv.slice(2);
report(scenario(open(faye, url, transport), ask));
