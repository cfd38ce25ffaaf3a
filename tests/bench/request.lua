-- Sends the requests of one file in turn. The file: method, path, number of headers, the headers as "Name: value",
-- number of bodies, then each body as its length on a line and its bytes. Prints one line of figures at the end.
local requests, at = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local method, path = file:read("*l"), file:read("*l")
  local headers = {}
  for _ = 1, tonumber(file:read("*l")) do
    local name, value = file:read("*l"):match("^([^:]+): (.*)$")
    headers[name] = value
  end
  for _ = 1, tonumber(file:read("*l")) do
    local length = tonumber(file:read("*l"))
    requests[#requests + 1] = wrk.format(method, path, headers, length > 0 and file:read(length) or nil)
  end
  file:close()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "FIGURES requests=%d microseconds=%d status=%d connect=%d read=%d write=%d timeout=%d p50=%d p99=%d\n",
    summary.requests, summary.duration, errors.status, errors.connect, errors.read, errors.write, errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
