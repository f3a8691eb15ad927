-- For wrk: a publish, whose request is put together once, and the figures in one line.

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json;charset=UTF-8"
wrk.body = '[{"channel":"/bench/0","clientId":"1cbu67k8ejc2j14sl83m9e5hb2","id":"1234567",'
  .. '"data":{"p":17,"n":123456,"t":1764000000123456,"x":"................"}}]'

function done(summary)
  local errors = summary.errors
  local n_errors = errors.connect + errors.read + errors.write + errors.status
  io.write(string.format("requests %d errors %d\n", summary.requests, n_errors))
end
