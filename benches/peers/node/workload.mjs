// What is asked for on the command line: `--NAME VALUE` for each.

export function workload(words) {
  const options = {};
  for (let i = 0; i + 1 < words.length; i += 2) {
    const value = words[i + 1];
    options[words[i].slice(2)] = Number.isNaN(Number(value)) ? value : Number(value);
  }
  const whole = (seconds) => Math.round((seconds * options.rate) / options.batch) * options.batch;
  // The first message that counts.
  const firstMeasured = whole(options.warmup);
  return {
    ...options,
    firstMeasured,
    messages: firstMeasured + whole(options.duration),
    // Where message n goes, and what client n subscribes to.
    channel: (n) => `/bench/${n % options.channels}`,
    // The bytes of {"n":N,"x":""}.
    frame: (n) => 12 + String(n).length,
  };
}
