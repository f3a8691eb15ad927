-- For wrk: publishes of many sessions in turn, so that no server has to queue behind one of them. PUBLISHES names a
-- file with a path, a cookie and a body for each, separated by tabs; the figures come in one line.

local requests = {}
local at = 0

function init()
  for line in io.lines(os.getenv("PUBLISHES")) do
    local path, cookie, body = line:match("^(.-)\t(.-)\t(.*)$")
    local headers = { ["Content-Type"] = "application/json;charset=UTF-8" }
    if cookie ~= "" then
      headers["Cookie"] = cookie
    end
    requests[#requests + 1] = wrk.format("POST", path, headers, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

-- A publish that is refused has status 200 all the same.
function response(_, _, body)
  if not body:find('"successful":true', 1, true) then
    n_refused = (n_refused or 0) + 1
  end
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary)
  local errors = summary.errors
  local n_errors = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  for _, thread in ipairs(threads) do
    n_errors = n_errors + (thread:get("n_refused") or 0)
  end
  io.write(string.format("requests %d errors %d us %d\n", summary.requests, n_errors, summary.duration))
end
