-- Creates devices: each request has a name and a key that no other has.
-- wrk ... -- TOKEN USER_ID TAG [LIMIT]

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local headers, user, tag, count = {}, nil, nil, 0

function init(args)
  headers["Authorization"] = "Bearer " .. args[1]
  headers["Content-Type"] = "application/json"
  user, tag = args[2], args[3]
  math.randomseed(os.time() + tonumber(tag))
  if args[4] then
    local left = tonumber(args[4])
    response = function()
      left = left - 1
      if left == 0 then wrk.thread:stop() end
    end
  end
end

-- 32 random bytes in base64: 42 free letters, one of four bits, one sign of padding.
local function key()
  local letters = {}
  for i = 1, 42 do
    local n = math.random(64)
    letters[i] = alphabet:sub(n, n)
  end
  local last = (math.random(16) - 1) * 4 + 1
  letters[43] = alphabet:sub(last, last)
  return table.concat(letters) .. "="
end

function request()
  count = count + 1
  local body = string.format('{"name":"b%s-%d","user_id":"%s","public_key":"%s"}', tag, count, user, key())
  return wrk.format("POST", "/api/v1/devices", headers, body)
end
