-- Reads devices, each once: nothing of them is cached. wrk ... -- TOKEN FILE_WITH_IDS
local headers, ids, at = {}, {}, 0

function init(args)
  headers["Authorization"] = "Bearer " .. args[1]
  for id in io.lines(args[2]) do ids[#ids + 1] = id end
end

function request()
  at = at % #ids + 1
  return wrk.format("GET", "/api/v1/devices/" .. ids[at], headers)
end
