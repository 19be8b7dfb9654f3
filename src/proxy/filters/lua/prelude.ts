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
local byte, rep, lower, min = string.byte, string.rep, string.lower, math.min
local error, select, setmetatable, tostring, type, pairs, load = error, select, setmetatable, tostring, type, pairs, load
local next, table_concat = next, table.concat
local runs = {}
local ssl_of

EnvoyTimestampResolution = { MILLISECOND = 'MILLISECOND', MICROSECOND = 'MICROSECOND' }

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
  return table_concat(text, '\\n')
end

local function each_field(text) return gmatch(text, '(:?[^:\\n]+): ([^\\n]*)') end

-- 'all': a name that comes more than once has a table of its values.
local function fields_in(text, all)
  local result = {}
  for name, value in each_field(text) do
    local before = result[name]
    if before == nil or not all then result[name] = value
    elseif type(before) == 'table' then before[#before + 1] = value
    else result[name] = { before, value } end
  end
  return result
end

local function value_in(text) return text and load('return ' .. text, '=value', 't', {})() end

local function each_of(values)
  local key, value
  return function() key, value = next(values, key) return key, value end
end

-- Numbers of a text, a few at a time: the whole of a long one does not fit onto the stack.
local function hex(text, length)
  local parts, last = {}, min(#text, length or #text)
  for i = 1, last, 64 do
    local until_ = min(i + 63, last)
    parts[#parts + 1] = format(rep('%02x', until_ - i + 1), byte(text, i, until_))
  end
  return table_concat(parts)
end

local function fields_object(what, of)
  local function values(self, name)
    local found = {}
    for each, value in each_field(ask(self, of .. 'list')) do if each == lower(name) then found[#found + 1] = value end end
    return found
  end
  return object(what, {
    get = function(self, name) return ask(self, of .. 'get', name) end,
    getAtIndex = function(self, name, index) return values(self, name)[index + 1] end,
    getNumValues = function(self, name) return #values(self, name) end,
    add = function(self, name, value) ask(self, of .. 'add', name, tostring(value)) end,
    replace = function(self, name, value) ask(self, of .. 'replace', name, tostring(value)) end,
    remove = function(self, name) ask(self, of .. 'remove', name) end,
    setHttp1ReasonPhrase = function() end,
  }, { __pairs = function(self)
    local next_line = each_field(ask(self, of .. 'list'))
    return function() return next_line() end
  end })
end

local headers = fields_object('headers()', '')
local trailers = fields_object('trailers()', 'trailer ')

local body = object('body()', {
  length = function(self) return #ask(self, 'body') end,
  getBytes = function(self, index, length) return sub(ask(self, 'body'), index + 1, index + length) end,
  setBytes = function(self, text) ask(self, 'setBody', text) return #text end,
})

local dynamic_metadata = object('dynamicMetadata()', {
  get = function(self, filter) return value_in(ask(self, 'metadata', filter)) end,
  set = function(self, filter, key, value) ask(self, 'setMetadata', filter .. '\\n' .. key, value) end,
}, { __pairs = function(self) return each_of(value_in(ask(self, 'allMetadata'))) end })

local route_metadata = object('metadata()', {
  get = function(self, key) return value_in(ask(self, 'routeMetadata'))[key] end,
}, { __pairs = function(self) return each_of(value_in(ask(self, 'routeMetadata'))) end })

local route = object('route()', { metadata = function(self) return route_metadata(self.run) end })

-- Filters that would keep such state are not known to this proxy, so that there is never any.
local no_state = object('filterState()', { get = function() return nil end })

local stream_info = object('streamInfo()', {
  protocol = function(self) return ask(self, 'protocol') end,
  routeName = function(self) return ask(self, 'routeName') end,
  virtualClusterName = function() return '' end,
  downstreamLocalAddress = function(self) return ask(self, 'localAddress') end,
  downstreamDirectRemoteAddress = function(self) return ask(self, 'remoteAddress') end,
  downstreamRemoteAddress = function(self) return ask(self, 'remoteAddress') end,
  downstreamDirectLocalAddress = function(self) return ask(self, 'localAddress') end,
  downstreamSslConnection = function(self) return ssl_of(self) end,
  requestedServerName = function(self) return ask(self, 'serverName') end,
  dynamicMetadata = function(self) return dynamic_metadata(self.run) end,
  dynamicTypedMetadata = function() return nil end,
  filterState = function(self) return no_state(self.run) end,
})

local ssl = object('ssl()', {
  peerCertificatePresented = function(self) return ask(self, 'peerSubject') ~= nil end,
  peerCertificateValidated = function(self) return ask(self, 'peerSubject') ~= nil end,
  subjectPeerCertificate = function(self) return ask(self, 'peerSubject') or '' end,
  issuerPeerCertificate = function(self) return ask(self, 'peerIssuer') or '' end,
  serialNumberPeerCertificate = function(self) return ask(self, 'peerSerial') or '' end,
  sha256PeerCertificateDigest = function(self) return ask(self, 'peerDigest') or '' end,
  uriSanPeerCertificate = function(self) return value_in(ask(self, 'peerUris')) or {} end,
  dnsSansPeerCertificate = function(self) return value_in(ask(self, 'peerDnsNames')) or {} end,
  validFromPeerCertificate = function(self) return ask(self, 'peerValidFrom') or 0 end,
  expirationPeerCertificate = function(self) return ask(self, 'peerValidTo') or 0 end,
  tlsVersion = function(self) return ask(self, 'tlsVersion') end,
  ciphersuiteString = function(self) return ask(self, 'tlsCipher') end,
})

function ssl_of(self) return ask(self, 'tlsVersion') and ssl(self.run) or nil end

local connection = object('connection()', { ssl = ssl_of })

local public_key = object('a public key', { get = function(self) return self end })

local function whole(self)
  if not ask(self, 'hasBody') then return false end
  if not ask(self, 'bodyIsHere') then yield('body') end
  return true
end

local function timestamp_in(self, resolution)
  if resolution == EnvoyTimestampResolution.MICROSECOND then return ask(self, 'timestamp') * 1000 end
  return ask(self, 'timestamp')
end

local handle = object('the handle', {
  headers = function(self) return headers(self.run) end,
  body = function(self, always) return (whole(self) or always) and body(self.run) or nil end,
  bodyChunks = function(self)
    local given = false
    return function()
      if given or not whole(self) then return nil end
      given = true
      return #ask(self, 'body') > 0 and body(self.run) or nil
    end
  end,
  trailers = function(self) return whole(self) and ask(self, 'hasTrailers') and trailers(self.run) or nil end,
  metadata = function(self) return route_metadata(self.run) end,
  route = function(self) return route(self.run) end,
  streamInfo = function(self) return stream_info(self.run) end,
  connection = function(self) return connection(self.run) end,
  setUpstreamOverrideHost = function(self, host, strict) ask(self, 'overrideHost', host, strict == true) end,
  clearRouteCache = function(self) ask(self, 'clearRouteCache') end,
  respond = function(self, fields, text) ask(self, 'respond', lines(fields), text or '') yield('responded') end,
  httpCall = function(self, cluster, fields, text, timeout, how)
    local asynchronous = how == true or (type(how) == 'table' and how.asynchronous == true)
    ask(self, 'call', format('%s\\n%d\\n%s', cluster, timeout or 0, tostring(asynchronous)), lines(fields) .. '\\n\\n' .. (text or ''))
    if asynchronous then return end
    local answer = yield('call')
    local ends = find(answer, '\\n\\n', 1, true)
    return fields_in(sub(answer, 1, ends - 1), type(how) == 'table' and how.return_duplicate_headers), sub(answer, ends + 2)
  end,
  base64Escape = function(self, text) return ask(self, 'base64', text) end,
  importPublicKey = function(self, der, length)
    local key = public_key(self.run)
    key.hex = hex(der, length)
    return ask(self, 'isKey', key.hex) and key or nil
  end,
  verifySignature = function(self, hash, key, signature, signature_length, data, data_length)
    local fault = ask(self, 'signatureFault', hash, key.hex .. ' ' .. hex(signature, signature_length) .. ' ' .. hex(data, data_length))
    return fault == nil, fault or ''
  end,
  timestamp = timestamp_in,
  timestampString = function(self, resolution) return format('%d', timestamp_in(self, resolution)) end,
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
