-- Sends the requests of the file AUTOREST_REQUESTS, one drawn at random each time, and prints one line of numbers.
-- The file: for each request a line with its length in bytes, then the request itself.

local requests = {}

function init()
  local file = assert(io.open(os.getenv("AUTOREST_REQUESTS"), "rb"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    requests[#requests + 1] = file:read(length)
  end
  file:close()
  math.randomseed(tonumber(os.getenv("AUTOREST_SEED")))
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("figures %d %d %d %d %d %d\n", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    latency:percentile(50), latency:percentile(99)))
end
