-- Requests for wrk, made before the clock runs. Arguments: method, file of paths, file of the body.
local requests = {}
local at = 0

function init(arguments)
  local body
  if arguments[3] ~= nil and arguments[3] ~= "" then
    local file = io.open(arguments[3], "rb")
    body = file:read("*a")
    file:close()
  end
  for path in io.lines(arguments[2]) do
    requests[#requests + 1] = wrk.format(arguments[1], path, nil, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
