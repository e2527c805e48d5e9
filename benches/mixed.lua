-- What a busy panel and its scripts do: reads of devices and lists, a few changes. wrk ... -- TOKEN USER_ID TAG FILE_WITH_IDS
local headers, user, tag, ids, at = {}, nil, nil, {}, 0

function init(args)
  headers["Authorization"] = "Bearer " .. args[1]
  headers["Content-Type"] = "application/json"
  user, tag = args[2], args[3]
  for id in io.lines(args[4]) do ids[#ids + 1] = id end
end

local paths = { "/api/v1/devices?limit=50", "/api/v1/users", "/api/v1/networks", "/api/v1/audit?limit=50", "/api/v1/me" }

function request()
  at = at + 1
  if at % 1000 == 0 then
    return wrk.format("POST", "/api/v1/devices", headers,
      string.format('{"name":"m%s-%d","user_id":"%s"}', tag, at, user))
  end
  if at % 20 == 0 then
    local act = at % 40 == 0 and "/enable" or "/disable"
    return wrk.format("POST", "/api/v1/devices/" .. ids[at % #ids + 1] .. act, headers)
  end
  if at % 4 == 0 then
    return wrk.format("GET", paths[at / 4 % #paths + 1], headers)
  end
  return wrk.format("GET", "/api/v1/devices/" .. ids[at % #ids + 1], headers)
end
