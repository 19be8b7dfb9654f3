// What runs in a script's state before it: the objects that Envoy gives to scripts, and nothing of the machine beyond. Each method asks the
// host by name; what is not supported is a script error that says so. Methods that wait yield; the host resumes them.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/lua_filter

/** The VM's instructions for one run of a script between two waits. */
const instructionsMax = 1_000_000;

/** How a run ended, or what it waits for. */
export type RunState = 'done' | 'body' | 'call' | 'responded' | { readonly fault: string };

export function readRunState(text: string): RunState {
  return text === 'done' || text === 'body' || text === 'call' || text === 'responded' ? text : { fault: text };
}

/** `__host(run, operation, a, b)` is there; leaves `__run(name, run)`, `__resume(run, text)` and `__forget(run)`, which return a RunState. */
export const prelude = `
local host, sethook = __host, debug.sethook
local create, resume, yield, status = coroutine.create, coroutine.resume, coroutine.yield, coroutine.status
local find, match, gmatch, gsub, sub, format = string.find, string.match, string.gmatch, string.gsub, string.sub, string.format
local error, select, setmetatable, tostring, type, pairs, load = error, select, setmetatable, tostring, type, pairs, load
local runs = {}

__host = nil
for _, name in ipairs { 'io', 'package', 'require', 'debug', 'dofile', 'loadfile', 'coroutine', 'collectgarbage' } do _G[name] = nil end
os = { time = os.time, clock = os.clock, date = os.date, difftime = os.difftime }
string.dump = nil
_G.load = function(chunk, name, _, env) return load(chunk, name, 't', env or _G) end

-- Matching backtracks outside of what instructions count.
local function bounded(operation)
  return function(text, pattern, ...)
    local _, repeats = gsub(tostring(pattern), '[%*%+%-]', '')
    if repeats > 0 and (#tostring(text)) ^ repeats > 1e8 then error('the pattern could take too long on so long a text', 2) end
    return operation(text, pattern, ...)
  end
end
string.find, string.match, string.gmatch, string.gsub = bounded(find), bounded(match), bounded(gmatch), bounded(gsub)

local function object(what, methods, meta)
  meta = meta or {}
  meta.__index = function(_, name) return methods[name] or error(format('%s of %s is not supported', tostring(name), what), 2) end
  meta.__metatable = false
  return function(run) return setmetatable({ run = run }, meta) end
end

local function ask(self, operation, a, b) return (host(self.run, operation, a, b)) end

local function lines(fields)
  local text = {}
  for name, value in pairs(fields or {}) do
    if type(value) == 'table' then for _, each in pairs(value) do text[#text + 1] = name .. ': ' .. tostring(each) end
    else text[#text + 1] = name .. ': ' .. tostring(value) end
  end
  return table.concat(text, '\\n')
end

local function fields_in(text)
  local result = {}
  for name, value in gmatch(text, '(:?[^:\\n]+): ([^\\n]*)') do result[name] = value end
  return result
end

local headers = object('headers()', {
  get = function(self, name) return ask(self, 'get', name) end,
  add = function(self, name, value) ask(self, 'add', name, tostring(value)) end,
  replace = function(self, name, value) ask(self, 'replace', name, tostring(value)) end,
  remove = function(self, name) ask(self, 'remove', name) end,
  setHttp1ReasonPhrase = function() end,
}, { __pairs = function(self)
  local next_line = gmatch(ask(self, 'list'), '(:?[^:\\n]+): ([^\\n]*)')
  return function() return next_line() end
end })

local body = object('body()', {
  length = function(self) return #ask(self, 'body') end,
  getBytes = function(self, index, length) return sub(ask(self, 'body'), index + 1, index + length) end,
  setBytes = function(self, text) ask(self, 'setBody', text) return #text end,
})

local dynamic_metadata = object('dynamicMetadata()', {
  get = function(self, filter) local text = ask(self, 'metadata', filter) return text and load('return ' .. text, '=metadata', 't', {})() end,
  set = function(self, filter, key, value) ask(self, 'setMetadata', filter .. '\\n' .. key, value) end,
})

local stream_info = object('streamInfo()', {
  protocol = function(self) return ask(self, 'protocol') end,
  routeName = function(self) return ask(self, 'routeName') end,
  virtualClusterName = function() return '' end,
  downstreamLocalAddress = function(self) return ask(self, 'localAddress') end,
  downstreamDirectRemoteAddress = function(self) return ask(self, 'remoteAddress') end,
  downstreamRemoteAddress = function(self) return ask(self, 'remoteAddress') end,
  requestedServerName = function(self) return ask(self, 'serverName') end,
  dynamicMetadata = function(self) return dynamic_metadata(self.run) end,
})

local ssl = object('ssl()', {
  peerCertificatePresented = function(self) return ask(self, 'peerSubject') ~= nil end,
  subjectPeerCertificate = function(self) return ask(self, 'peerSubject') or '' end,
  sha256PeerCertificateDigest = function(self) return ask(self, 'peerDigest') or '' end,
  tlsVersion = function(self) return ask(self, 'tlsVersion') end,
  ciphersuiteString = function(self) return ask(self, 'tlsCipher') end,
})

local connection = object('connection()', { ssl = function(self) return ask(self, 'tlsVersion') and ssl(self.run) or nil end })

local handle = object('the handle', {
  headers = function(self) return headers(self.run) end,
  body = function(self)
    if not ask(self, 'hasBody') then return nil end
    if not ask(self, 'bodyIsHere') then yield('body') end
    return body(self.run)
  end,
  streamInfo = function(self) return stream_info(self.run) end,
  connection = function(self) return connection(self.run) end,
  clearRouteCache = function(self) ask(self, 'clearRouteCache') end,
  respond = function(self, fields, text) ask(self, 'respond', lines(fields), text or '') yield('responded') end,
  httpCall = function(self, cluster, fields, text, timeout, how)
    local asynchronous = how == true or (type(how) == 'table' and how.asynchronous == true)
    ask(self, 'call', format('%s\\n%d\\n%s', cluster, timeout or 0, tostring(asynchronous)), lines(fields) .. '\\n\\n' .. (text or ''))
    if asynchronous then return end
    local answer = yield('call')
    local ends = find(answer, '\\n\\n', 1, true)
    return fields_in(sub(answer, 1, ends - 1)), sub(answer, ends + 2)
  end,
  base64Escape = function(self, text) return ask(self, 'base64', text) end,
  timestamp = function(self) return ask(self, 'timestamp') end,
  timestampString = function(self) return format('%d', ask(self, 'timestamp')) end,
  logTrace = function(self, text) ask(self, 'log', 'trace', tostring(text)) end,
  logDebug = function(self, text) ask(self, 'log', 'debug', tostring(text)) end,
  logInfo = function(self, text) ask(self, 'log', 'info', tostring(text)) end,
  logWarn = function(self, text) ask(self, 'log', 'warn', tostring(text)) end,
  logErr = function(self, text) ask(self, 'log', 'error', tostring(text)) end,
  logCritical = function(self, text) ask(self, 'log', 'error', tostring(text)) end,
})

local function go_on(run, co, ...)
  -- Once it has run out, every instruction is an error: a script cannot catch its way on.
  sethook(co, function() sethook(co, function() error('too many instructions', 2) end, '', 1) error('too many instructions', 2) end, '', ${instructionsMax})
  local well, said = resume(co, ...)
  if not well then runs[run] = nil return 'script error: ' .. tostring(said) end
  if status(co) == 'dead' then runs[run] = nil return 'done' end
  return said
end

function __run(name, run)
  local entry = _G[name]
  if type(entry) ~= 'function' then return 'done' end
  local co = create(entry)
  runs[run] = co
  return go_on(run, co, handle(run))
end

function __resume(run, text)
  local co = runs[run]
  return co and go_on(run, co, text) or 'done'
end

function __forget(run) runs[run] = nil end
`;
